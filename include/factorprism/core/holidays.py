"""Which days an exchange is expected to trade on, where no calendar knows yet.

The exchange's days of the week less the public holidays that fall on a fixed day or follow a fixed
rule. Of holidays by the moon and days moved by decree only those are left out that the library has
computed ahead (Hong Kong's, Seoul's): an expected day may turn out to be none.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from factorprism.core.exchanges import EXCHANGES

if TYPE_CHECKING:
    # For their names alone: these modules take most of a second to import.
    from exchange_calendars import ExchangeCalendar

    from factorprism.core.arrays import DayArray

FIRST_SESSION = "1990-12-19"  # calendars of the library are built from here
# Of these the library knows nothing earlier.
BEGINS = {
    "AIXK": "2017-01-01",
    "XBOM": "1997-01-01",
    "XSAU": "2021-01-01",
    "XTKS": "1997-01-01",
}
# So far ahead something is expected; what is known moves on with every bar.
YEARS_EXPECTED = 20
# Month and day of the holidays of the mainland that keep their day. By law (State Council order
# 795, in force since 2025) 1 January, 1 and 2 May, and 1 to 3 October are free; moved days of rest
# have joined 3 May every year since 2019 and 4 to 7 October every year since 2009.
XSHG_FIXED = (
    (1, 1),
    *((5, day) for day in (1, 2, 3)),
    *((10, day) for day in range(1, 8)),
)


def expected_sessions(exchange: str, after: date) -> DayArray:
    """Return the expected sessions of `exchange` after day `after`, for `YEARS_EXPECTED` years."""
    end = np.datetime64(date(after.year + YEARS_EXPECTED, 12, 31), "D")
    days = np.arange(np.datetime64(after, "D") + 1, end + 1)
    holidays = _known_holidays(exchange, after.year, after.year + YEARS_EXPECTED)
    return days[np.is_busday(days, weekmask=EXCHANGES[exchange].week, holidays=holidays)]


def load_library(exchange: str) -> ExchangeCalendar:
    """Return the library's own calendar of `exchange`, from its first day since `FIRST_SESSION`."""
    # Imported here because the module costs most of a second and the timetable must stay light.
    import exchange_calendars

    return exchange_calendars.get_calendar(exchange, start=BEGINS.get(exchange, FIRST_SESSION))


@lru_cache(maxsize=len(EXCHANGES))
def _known_holidays(exchange: str, first: int, last: int) -> DayArray:
    """Return the holidays by a rule, and those that the library has computed ahead by the moon."""
    if exchange == "XSHG":
        days = [date(year, *day) for year in range(first, last + 1) for day in XSHG_FIXED]
        return np.array(days, "datetime64[D]")
    library = load_library(exchange)
    single = np.array([str(day)[:10] for day in library.adhoc_holidays], "datetime64[D]")
    if library.regular_holidays is None:
        return single
    ruled = library.regular_holidays.holidays(f"{first}-01-01", f"{last}-12-31")
    return np.union1d(np.asarray(ruled.to_numpy()).astype("datetime64[D]"), single)
