"""Where bars come from: the vendor, a folder of files, or the sample that the dependencies ship."""

from factorprism.sources._build import build_source
from factorprism.sources.files import FilesSource
from factorprism.sources.sample import SampleSource
from factorprism.sources.tushare import TushareSource

__all__ = ["FilesSource", "SampleSource", "TushareSource", "build_source"]
