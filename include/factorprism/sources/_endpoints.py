"""Which of the vendor's endpoints serves a symbol, and how much it gives in one call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from factorprism.core.errors import SourceError

# The first sessions of indices that are certain to have a bar on every session since.
BASE_DATES = {
    "000001.SH": date(1990, 12, 19),
    "000300.SH": date(2005, 1, 4),
    "000905.SH": date(2005, 1, 4),
    "399006.SZ": date(2010, 6, 1),
}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of daily bars; the vendor gives at most `row_cap` rows in a call.

    `of` says in words which codes `symbols` are.
    """

    api_name: str
    row_cap: int
    symbols: re.Pattern[str]
    of: str


# https://tushare.pro/document/2, pages 95 (indices), 127 (funds) and 27 (stocks).
ENDPOINTS = (
    Endpoint(
        "index_daily", 8000, re.compile(r"000\d{3}\.SH|399\d{3}\.SZ"), "000xxx.SH and 399xxx.SZ"
    ),
    Endpoint(
        "fund_daily",
        2000,
        re.compile(r"5\d{5}\.SH|1[568]\d{4}\.SZ"),
        "5xxxxx.SH, 15, 16 and 18xxxx.SZ",
    ),
    Endpoint(
        "daily",
        6000,
        re.compile(r"[69]\d{5}\.SH|[023]\d{5}\.SZ"),
        "6 and 9xxxxx.SH, 0, 2 and 3xxxxx.SZ",
    ),
)
CALENDAR_ROW_CAP = 2000
CALENDAR_EXCHANGES = {"XSHG": "SSE"}


def endpoint_of(symbol: str) -> Endpoint:
    """Return the endpoint that serves `symbol`; raises `SourceError` where none does."""
    for endpoint in ENDPOINTS:
        if endpoint.symbols.fullmatch(symbol):
            return endpoint
    served = "; ".join(f"{endpoint.api_name}: {endpoint.of}" for endpoint in ENDPOINTS)
    raise SourceError(
        f"tushare has no daily bars of {symbol!r} that are used here",
        remedy=f"It serves {served}. For others set FACTORPRISM_SOURCE=files.",
    )
