"""Date cells into days: one form for a whole column, and an instant is the day it falls on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from dateutil import parser as dateutil_parser

from factorprism.core.arrays import DayArray
from factorprism.core.exchanges import EXCHANGES, Exchange
from factorprism.sources.files._refusal import FileRefused, show

YEARS = range(1900, 2101)
EXCEL_EPOCH = date(1899, 12, 30)
# No trading day falls on a weekend; of a few rows, one such day is the gate's to find.
WEEKEND_SHARE = 0.1
WEEKEND_ROWS = 3

_TIME = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
_ZONE = r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
_FORMS = {
    "ymd": re.compile(rf"(\d{{4}})([-/.年])(\d{{1,2}})[-/.月](\d{{1,2}})日?{_TIME}{_ZONE}"),
    "compact": re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?"),
    "serial": re.compile(r"(\d{5})(?:\.0+)?"),
    "epoch": re.compile(r"(\d{10}|\d{13}|\d{16}|\d{19})(?:\.0+)?"),
    "day and month": re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}"),
    "month in words": re.compile(
        r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}[- ][A-Za-z]{3,9}\.?[- ,]+\d{4}"
    ),
}
_FAMILY = {"compact": "ymd"}
_WEEKDAY = re.compile(r"[,， ]*(?:星期|周|[,， ])[一二三四五六日天]$")
_EPOCH_DIGITS = 10


@dataclass(frozen=True)
class Days:
    """The days of a column, ``datetime64[D]``, and how they were written."""

    days: DayArray
    form: str


@dataclass(frozen=True)
class _Stamp:
    """A cell that was read: its day, and the time on the clock where it says one."""

    day: date
    clock: time | None = None


def parse_dates(cells: Sequence[Any], lines: Sequence[int], name: str, exchange: str) -> Days:
    """Return the days of `cells`; a stamp with a zone is the day it falls on at `exchange`.

    All cells must be of one form, so that a damaged one is not taken for another form of date.
    Raises `FileRefused` at the first cell that is no date, and for intraday bars.
    """
    texts = [_as_text(cell) for cell in cells]
    matches = [_match(text) for text in texts]
    family = _choose_family(matches)
    zone = ZoneInfo(EXCHANGES[exchange].zone)
    day_first = _is_day_first(matches, name) if family == "day and month" else False
    _check_padding(texts, cells, lines, name)
    stamps: list[_Stamp] = []
    for index, found in enumerate(matches):
        try:
            if found is None or _FAMILY.get(found[0], found[0]) != family:
                raise ValueError
            stamp = _read(found[0], found[1], zone, day_first)
            if stamp.day.year not in YEARS:
                raise ValueError
        except (ValueError, OverflowError):
            raise _no_date(cells[index], lines[index], name) from None
        stamps.append(stamp)
    days = np.array([stamp.day for stamp in stamps], "datetime64[D]")
    _check_clocks(stamps, lines, name)
    _check_weekends(days, lines, name, EXCHANGES[exchange])
    return Days(days, family or "")


def _as_text(cell: Any) -> str:
    if isinstance(cell, str):
        text = cell.strip().strip("'\"").strip()
        return _WEEKDAY.sub("", text)
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return ""
    return str(int(cell)) if cell == cell and abs(cell) < 1e19 and cell == int(cell) else ""


def _match(text: str) -> tuple[str, re.Match[str]] | None:
    for form, pattern in _FORMS.items():
        if found := pattern.fullmatch(text):
            return form, found
    return None


def _choose_family(matches: Sequence[tuple[str, re.Match[str]] | None]) -> str | None:
    counts = Counter(_FAMILY.get(found[0], found[0]) for found in matches if found)
    return counts.most_common(1)[0][0] if counts else None


def _read(form: str, found: re.Match[str], zone: ZoneInfo, day_first: bool) -> _Stamp:
    if form == "ymd":
        return _read_ymd(found, zone)
    if form == "compact":
        year, month, day = found.groups()
        return _Stamp(date(int(year), int(month), int(day)))
    if form == "serial":
        return _Stamp(EXCEL_EPOCH + timedelta(days=int(found.group(1))))
    if form == "epoch":
        digits = found.group(1)
        seconds = int(digits) / 10 ** (len(digits) - _EPOCH_DIGITS)
        return _Stamp(datetime.fromtimestamp(seconds, UTC).astimezone(zone).date())
    if form == "day and month":
        first, second, year = (int(found.group(number)) for number in (1, 3, 4))
        day, month = (first, second) if day_first else (second, first)
        return _Stamp(date(year, month, day), _clock(found, 5))
    return _Stamp(dateutil_parser.parse(found.group(), default=datetime(2000, 1, 1)).date())


def _read_ymd(found: re.Match[str], zone: ZoneInfo) -> _Stamp:
    day = date(int(found.group(1)), int(found.group(3)), int(found.group(4)))
    clock = _clock(found, 5)
    if not found.group(8):
        return _Stamp(day, clock)
    moment = datetime.combine(day, clock or time(), _zone(found.group(8))).astimezone(zone)
    return _Stamp(moment.date(), None if moment.time() == time() else moment.time())


def _clock(found: re.Match[str], group: int) -> time | None:
    if found.group(group) is None:
        return None
    hour, minute, second = (int(found.group(group + part) or 0) for part in range(3))
    return time(hour, minute, second)


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(offset if text[0] == "+" else -offset)


def _is_day_first(matches: Sequence[tuple[str, re.Match[str]] | None], name: str) -> bool:
    """Tell 31/12/2020 from 12/31/2020 by a day beyond 12; raises `FileRefused` where none is."""
    pairs = [
        (int(found[1].group(1)), int(found[1].group(3)))
        for found in matches
        if found and found[0] == "day and month"
    ]
    first, second = (sum(pair[side] > 12 for pair in pairs) for side in range(2))
    if first == second:
        raise FileRefused(
            f"{name}: it is unclear whether the day or the month comes first",
            remedy="Write the dates as 2020-01-31.",
        )
    return first > second


def _check_padding(
    texts: Sequence[str], cells: Sequence[Any], lines: Sequence[int], name: str
) -> None:
    """Raise `FileRefused` for a 2020-01-3 among dates as 2020-01-03: a digit of it is lost."""
    padded = sum(re.search(r"[-/.]0\d", text) is not None for text in texts)
    bare = [index for index, text in enumerate(texts) if re.search(r"[-/.]\d(?:\D|$)", text)]
    if padded and bare and len(bare) < padded:
        raise _no_date(cells[bare[0]], lines[bare[0]], name, "has lost a digit")


def _check_clocks(stamps: Sequence[_Stamp], lines: Sequence[int], name: str) -> None:
    seen: dict[date, time | None] = {}
    for index, stamp in enumerate(stamps):
        if stamp.clock not in (None, time()) and seen.get(stamp.day, stamp.clock) != stamp.clock:
            raise FileRefused(
                f"{name}: {stamp.day} has bars of {seen[stamp.day]} and {stamp.clock}, so that "
                "these are no daily bars",
                line=lines[index],
                remedy="Export daily bars.",
            )
        seen[stamp.day] = stamp.clock


def _check_weekends(days: DayArray, lines: Sequence[int], name: str, exchange: Exchange) -> None:
    weekend = ~np.is_busday(days, weekmask=exchange.week)
    if weekend.sum() >= max(WEEKEND_ROWS, WEEKEND_SHARE * len(days)):
        index = int(weekend.argmax())
        raise FileRefused(
            f"{name}: {int(weekend.sum())} of {len(days)} days are {exchange.rest_days}, the "
            f"first is {days[index]}",
            line=lines[index],
            remedy="The days are shifted (a wrong time zone?) or month and day are swapped; write "
            "each as 2020-01-31.",
        )


def _no_date(cell: Any, line: int, name: str, why: str = "is no date") -> FileRefused:
    return FileRefused(
        f"{name} {show(cell)} {why} as the others are (2020-01-31, 2020/1/31 or 20200131)",
        line=line,
        remedy="Write all dates of the file in one form.",
    )
