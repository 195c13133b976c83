"""The exchanges that can be used: regular close, clock and rest days of each. A light module.

The hours are those of the library `exchange_calendars`, whose sessions `core.calendar` gives; they
stand here so that whoever parses a DAG file or reads a universe need not load it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from difflib import get_close_matches
from types import MappingProxyType

from factorprism.core.errors import ConfigurationError

# Most sources serve final bars well within this; closing prices come sooner, but still change.
USUAL_DELAY = timedelta(hours=2)
# tushare's index bars come about 19:00.
PUBLISHED_LATER = {"XSHG": "19:15"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONDAY_TO_FRIDAY = "1111100"
SUNDAY_TO_THURSDAY = "1111001"

# Code, regular close on the exchange's own clock, that clock, and other names that are taken.
_TABLE = """
AIXK 17:00 Asia/Almaty
BVMF 18:00 America/Sao_Paulo BMF
CMES 17:00 America/Chicago CBOT CME COMEX NYMEX
IEPA 18:00 America/New_York ICE ICEUS NYFE
XAMS 17:30 Europe/Amsterdam
XASX 16:00 Australia/Sydney ASX
XBDA 16:30 Atlantic/Bermuda
XBKK 16:30 Asia/Bangkok
XBOG 16:00 America/New_York
XBOM 15:30 Asia/Kolkata BSE
XBRA 15:30 Europe/Bratislava
XBRU 17:30 Europe/Brussels
XBUD 17:00 Europe/Budapest
XBUE 17:00 America/Argentina/Buenos_Aires
XCBF 15:15 America/Chicago CFE
XCSE 17:00 Europe/Copenhagen
XDUB 16:28 Europe/Dublin
XDUS 22:00 Europe/Brussels
XEEE 18:00 Europe/Berlin
XETR 17:30 Europe/Berlin
XEUR 22:00 Europe/Berlin
XFRA 17:30 Europe/Berlin FWB
XHAM 22:00 Europe/Brussels
XHEL 18:30 Europe/Helsinki
XHKG 16:00 Asia/Hong_Kong HKEX
XICE 15:30 Atlantic/Reykjavik
XIDX 15:50 Asia/Jakarta JKT
XIST 18:00 Europe/Istanbul
XJSE 17:00 Africa/Johannesburg
XKAR 15:30 Asia/Karachi
XKLS 17:00 Asia/Kuala_Lumpur
XKRX 15:30 Asia/Seoul
XLIM 16:00 America/Lima
XLIS 16:30 Europe/Lisbon
XLIT 16:00 Europe/Vilnius
XLJU 15:15 Europe/Ljubljana
XLON 16:30 Europe/London LSE
XLUX 17:40 Europe/Luxembourg LUXSE
XMAD 17:30 Europe/Madrid
XMEX 15:00 America/Mexico_City
XMIL 17:30 Europe/Rome
XMOS 18:45 Europe/Moscow
XNYS 16:00 America/New_York ARCX BATS NASDAQ NYSE OOTC XASE XNAS
XNZE 16:45 Pacific/Auckland
XOSL 16:20 Europe/Oslo OSE
XPAR 17:30 Europe/Paris
XPHS 15:30 Asia/Manila
XPRA 16:20 Europe/Prague
XRIS 16:00 Europe/Riga
XSAU 15:00 Asia/Riyadh
XSES 17:00 Asia/Singapore
XSGO 17:00 America/Santiago
XSHG 15:00 Asia/Shanghai SSE XSHE SZSE
XSTO 17:30 Europe/Stockholm
XSTU 22:00 Europe/Berlin
XSWX 17:30 Europe/Zurich SIX
XTAI 13:30 Asia/Taipei
XTAL 16:00 Europe/Tallinn
XTKS 15:30 Asia/Tokyo JPX
XTSE 16:00 America/Toronto TSX XTSX
XWAR 17:00 Europe/Warsaw
XWBO 17:30 Europe/Vienna
XZAG 16:00 Europe/Zagreb
"""
_WEEKS = {"XSAU": SUNDAY_TO_THURSDAY}
_ENDLESS = "trades around the clock, so that no bar of a day is ever final"
_UNBUILT = "has a calendar that the library exchange_calendars cannot build"
# What the library names and cannot be used here, and why.
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "24/5": _ENDLESS,
        "24/7": _ENDLESS,
        "us_futures": "is several exchanges (CMES and IEPA are two of them)",
        **dict.fromkeys(("ASEX", "XBEL", "XBSE", "XCYS", "XTAE", "BVB", "TASE"), _UNBUILT),
    }
)


@dataclass(frozen=True)
class Exchange:
    """An exchange by its calendar code, an ISO 10383 MIC as a rule.

    `close` is the end of trading on a day without an early close, on the clock of `zone`; `week`
    says of Monday to Sunday whether it trades (1) or rests (0).
    """

    code: str
    close: time
    zone: str
    week: str = MONDAY_TO_FRIDAY
    aliases: tuple[str, ...] = ()

    @property
    def published_at(self) -> str:
        """When bars are final where nothing else is set: ``18:00``, ``00:00+1`` a day later."""
        if self.code in PUBLISHED_LATER:
            return PUBLISHED_LATER[self.code]
        closes = datetime.combine(datetime(2000, 1, 1), self.close)
        moment = closes + USUAL_DELAY
        days_later = (moment.date() - closes.date()).days
        return f"{moment:%H:%M}" + (f"+{days_later}" if days_later else "")

    @property
    def rest_days(self) -> str:
        """The days of the week without trading, in words: Saturdays or Sundays."""
        return " or ".join(
            f"{name}s" for name, trades in zip(_DAYS, self.week, strict=True) if trades == "0"
        )

    @property
    def first_weekday(self) -> int:
        """The day on which its week begins, the one after its days of rest: Monday is 0."""
        return (self.week + self.week[0]).index("01") + 1 if self.week[-1] == "1" else 0


def _parse(line: str) -> Exchange:
    code, close, zone, *aliases = line.split()
    week = _WEEKS.get(code, MONDAY_TO_FRIDAY)
    return Exchange(code, time.fromisoformat(close), zone, week, tuple(aliases))


EXCHANGES: Mapping[str, Exchange] = MappingProxyType(
    {line[:4]: _parse(line) for line in _TABLE.strip().splitlines()}
)
_CODES = {name: row.code for row in EXCHANGES.values() for name in (row.code, *row.aliases)}


def names_exchange(name: str) -> bool:
    """Tell whether `name` is an exchange's, be it one that cannot be used."""
    return name in _CODES or name in REFUSED


def find_exchange(name: str) -> Exchange:
    """Return the exchange that is called `name`, its code or an alias such as ``NASDAQ``.

    Raises `ConfigurationError` for one that is unknown, or whose calendar cannot be used.
    """
    if name in _CODES:
        return EXCHANGES[_CODES[name]]
    if name in REFUSED:
        raise ConfigurationError(
            f"exchange {name!r} {REFUSED[name]}",
            remedy="Use another exchange, such as XNYS, XHKG, XTKS or XLON.",
        )
    near = get_close_matches(name.upper(), _CODES, n=1) or ["XNYS, XHKG, XTKS or XLON"]
    raise ConfigurationError(
        f"no trading calendar for exchange {name!r}",
        remedy=f"Use an ISO code such as {near[0]}; docs/sources.md lists all of them.",
    )
