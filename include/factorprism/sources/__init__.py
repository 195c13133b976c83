"""Where bars come from: the vendor, a folder of files, or the sample that the dependencies ship."""

from factorprism.sources._build import (
    REAL_DATA,
    build_source,
    find_final_session,
    require_within_data,
)
from factorprism.sources.files import FilesSource
from factorprism.sources.sample import SampleSource
from factorprism.sources.tushare import TushareSource

__all__ = [
    "REAL_DATA",
    "FilesSource",
    "SampleSource",
    "TushareSource",
    "build_source",
    "find_final_session",
    "require_within_data",
]
