"""Every calendar of the library: it can be used to the end, or is refused in a clear sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_for, library_calendar
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES, REFUSED, find_exchange
from factorprism.core.holidays import expected_sessions, load_library
from factorprism.core.publication import read_publication
from factorprism.core.sessions import session_read

DOCS = Path(__file__).resolve().parents[3] / "docs"
LIBRARY = sorted(exchange_calendars.get_calendar_names(include_aliases=False))


def local(moment: datetime, exchange: str) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(EXCHANGES[exchange].zone))


def days_of(calendar: TradingCalendar, n_sessions: int) -> list[date]:
    found: list[date] = calendar.session_days[-n_sessions:].astype(object).tolist()
    return found


def test_every_calendar_of_the_library_is_taken_or_refused() -> None:
    assert sorted({*EXCHANGES, *REFUSED} & set(LIBRARY)) == LIBRARY
    assert not set(EXCHANGES) & set(REFUSED)
    aliases = exchange_calendars.calendar_utils.aliases_to_names()
    for alias, name in aliases.items():
        assert alias in REFUSED if name in REFUSED else find_exchange(alias).code == name, alias


def test_the_docs_list_every_exchange_with_its_hour() -> None:
    page = (DOCS / "sources.md").read_text("utf-8")
    for exchange in EXCHANGES.values():
        hours = f"{exchange.close:%H:%M} {exchange.zone}"
        assert f"| `{exchange.code}` | {hours} | {exchange.published_at} |" in page
    assert not [name for name in REFUSED if name in LIBRARY and f"`{name}`" not in page]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_is_reported_and_cannot_be_used_indeed(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"exchange '{name}' (has|is|trades)") as caught:
        calendar_for(name)
    assert caught.value.remedy
    if "cannot build" in REFUSED[name]:
        with pytest.raises((NotImplementedError, ValueError)):
            exchange_calendars.get_calendar(name)
    elif "clock" in REFUSED[name]:
        # A session ends at midnight, when the next one has begun.
        calendar = exchange_calendars.get_calendar(name)
        assert (calendar.closes.iloc[:-1].to_numpy() == calendar.opens.iloc[1:].to_numpy()).any()


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_is_as_the_library_says(name: str) -> None:
    exchange = EXCHANGES[name]
    library = load_library(name)
    assert library.tz.key == exchange.zone
    assert library.close_times[-1][1] == exchange.close
    assert library.weekmask == exchange.week
    assert library.close_offset == 0
    assert read_publication(exchange.published_at, name).after(exchange.close) > timedelta(0)


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_a_calendar_answers_every_question(name: str) -> None:
    calendar = calendar_for(name)
    for session in days_of(calendar, 260):
        close, published = calendar.close_at(session), calendar.published_at(session)
        assert local(close, name).date() == session
        assert local(close, name).time() <= EXCHANGES[name].close
        assert published > close
        assert calendar.last_published(published) == session
        assert calendar.last_published(published - timedelta(seconds=1)) < session
    last = calendar.last
    end = calendar.offset(last, 14)
    assert last < end < last + timedelta(days=45)
    assert calendar.offset(end, -14) == last
    assert calendar.is_expected(end)
    assert local(calendar.close_at(end), name).time() == EXCHANGES[name].close
    assert calendar.session_on_or_before(end) == end


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_hour_can_be_set_for_any_exchange(name: str) -> None:
    config = load_config({f"FACTORPRISM_PUBLISHED_AT_{name}": "09:30+1"})
    session = days_of(library_calendar(name), 30)[0]
    moment = local(config.calendar_for(name).published_at(session), name)
    early = EXCHANGES[name].close > local(calendar_for(name).close_at(session), name).time()
    assert moment.date() == session + timedelta(days=1)
    assert early or moment.time() == time(9, 30)


@pytest.mark.parametrize(
    ("name", "usual"),
    [("XSHG", "19:15"), ("XNYS", "18:00"), ("XHKG", "18:00"), ("XDUS", "00:00+1")],
)
def test_bars_are_final_two_hours_after_the_close_where_nothing_else_is_known(
    name: str, usual: str
) -> None:
    assert EXCHANGES[name].published_at == usual


@pytest.mark.parametrize(
    ("exchange", "session", "close"),
    [
        ("XHKG", "2024-12-24", "12:00"),  # Christmas Eve is half a day in Hong Kong
        ("XHKG", "2024-12-27", "16:00"),  # lunch breaks end no session
        ("XTKS", "2024-11-01", "15:00"),  # the last Friday before trading was made longer
        ("XTKS", "2024-11-05", "15:30"),
        ("XLON", "2024-12-24", "12:30"),
        ("XNYS", "2024-11-29", "13:00"),  # the day after Thanksgiving
        ("XNYS", "2024-03-11", "16:00"),  # clocks have gone forward
    ],
)
def test_half_days_close_early_and_are_published_as_much_earlier(
    exchange: str, session: str, close: str
) -> None:
    calendar, day = calendar_for(exchange), date.fromisoformat(session)
    assert local(calendar.close_at(day), exchange).strftime("%H:%M") == close
    assert calendar.published_at(day) - calendar.close_at(day) == timedelta(hours=2)


@pytest.mark.parametrize("target", ["XSHG", "XHKG", "XTKS", "XLON", "XNYS", "XNZE"])
@pytest.mark.parametrize("other", ["XHKG", "XTKS", "XLON", "XNYS", "XSAU"])
def test_an_image_reads_the_last_session_that_was_final_when_its_target_closed(
    target: str, other: str
) -> None:
    own, calendar = calendar_for(other), calendar_for(target)
    # Weeks in which London and New York change their clocks on different days.
    for session in calendar.sessions(date(2025, 3, 3), date(2025, 4, 4)).astype(object):
        read = session_read(own, calendar, session)
        if other == target:
            assert read == session
            continue
        closes = calendar.close_at(session)
        assert own.published_at(read) <= closes < own.published_at(own.offset(read, 1))


def test_riyadh_trades_on_sundays_and_rests_on_fridays() -> None:
    calendar = calendar_for("XSAU")
    assert calendar.is_session(date(2026, 6, 28))
    assert not calendar.is_session(date(2026, 6, 26))
    ahead = expected_sessions("XSAU", calendar.known_through).astype(object)
    assert {day.weekday() for day in ahead} == {6, 0, 1, 2, 3}
    sunday = next(day for day in ahead if day.weekday() == 6)
    settled = calendar.settled_by(np.array([sunday], "datetime64[D]"))
    assert settled.last == sunday


def test_lunar_holidays_that_the_library_has_computed_are_not_expected() -> None:
    library = exchange_calendars.get_calendar("XHKG", start="2028-01-01", end="2040-12-31")
    expected = expected_sessions("XHKG", date(2027, 12, 31))
    through = expected[expected <= np.datetime64("2040-12-31")]
    missed = set(library.sessions.to_numpy().astype("datetime64[D]")) ^ set(through)
    assert not missed


@pytest.mark.parametrize(
    ("name", "said"), [("XSHH", "XSHG"), ("nyse", "NYSE"), ("HKG", "XHKG"), ("", "XNYS")]
)
def test_an_unknown_exchange_names_the_nearest(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="no trading calendar") as caught:
        find_exchange(name)
    assert f"such as {said}" in caught.value.remedy


def test_an_alias_means_the_same_calendar() -> None:
    assert calendar_for("NASDAQ") is calendar_for("XNYS")
    assert calendar_for("HKEX").exchange == "XHKG"
