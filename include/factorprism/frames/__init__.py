"""What the warehouse holds as pandas frames and numpy arrays, for notebooks; read only."""

from factorprism.frames.connecting import connect
from factorprism.frames.connection import Connection
from factorprism.frames.image import Image

__all__ = ["Connection", "Image", "connect"]
