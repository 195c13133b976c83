"""From factor panels to images: channels aligned on the target's sessions, and cut into windows."""

from factorprism.images._alignment import align_panels
from factorprism.images._windows import (
    complete_sessions,
    gather_windows,
    hash_image_set,
    hash_window,
    window_at,
    windows,
)

__all__ = [
    "align_panels",
    "complete_sessions",
    "gather_windows",
    "hash_image_set",
    "hash_window",
    "window_at",
    "windows",
]
