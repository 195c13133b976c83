"""The files source: a folder of daily bars as people publish them, each file read by its own look.

A file goes through stages, each a pure function of what came before::

    bytes -> text (_text) -> table (_grid, _parquet) -> columns (_names) -> instrument (_codes)
          -> cells (_dates, _numbers) -> units (_units, _adjusted) -> bars (_reading)

What was decided on the way stands in a `Reading`, which ``factorprism files check`` prints.
"""

from factorprism.sources.files._reading import Reading, read_file
from factorprism.sources.files.checking import FileVerdict, check_folder
from factorprism.sources.files.choosing import choose_symbol, list_held
from factorprism.sources.files.source import FilesSource

__all__ = [
    "FileVerdict",
    "FilesSource",
    "Reading",
    "check_folder",
    "choose_symbol",
    "list_held",
    "read_file",
]
