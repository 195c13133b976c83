"""When runs are due: one for each trading session of an exchange, once its bars are final."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime, instance

from known_days import learn_days
from source_ends import source_end

if TYPE_CHECKING:
    from factorprism.core.calendar import TradingCalendar

logger = logging.getLogger(__name__)

# The setting of each exchange: FACTORPRISM_PUBLISHED_AT_XSHG.
PUBLISHED_AT_SETTING = "FACTORPRISM_PUBLISHED_AT_{exchange}"
CADENCES = ("session", "week")
ONE_DAY = timedelta(days=1)
FIRST_RUN_GRACE = timedelta(hours=1)


def published_at_setting(exchange: str, environ: Mapping[str, str]) -> str:
    """Return when the bars of `exchange` are asked for, as it is set or else usual."""
    from factorprism.core.exchanges import EXCHANGES

    name = PUBLISHED_AT_SETTING.format(exchange=exchange)
    return environ.get(name, "").strip() or EXCHANGES[exchange].published_at


class TradingSessionTimetable(Timetable):
    """One run for each session of `exchange`, or for the last session of each week.

    `exchange` is any of `core.exchanges.EXCHANGES`; a week ends with the days on which it rests.
    The data interval runs from the session at 00:00 UTC, so that the logical date carries the
    session's own date, to the publication of its bars; the run is due `delay` after that.
    `published_at` is the hour of publication on the exchange's clock (``19:15``, or ``09:30+1`` for
    the morning after), by default the one that is set where the DAG file is parsed. It is kept with
    the DAG, so that whoever plans runs agrees with whoever shows them.

    With the DAG's ``catchup=True`` every session since `start_date` gets a run, as anywhere in
    Airflow. With ``catchup=False`` the first run of all is the coming one, and from then on up to
    `make_up` missed runs before the latest are made up.

    The calendar library's data end at some day; after it come the vendor's days and the bars that
    the warehouse holds. After those the calendar's expected sessions get a run each, and the log
    says so: on a holiday that could not be known, its run finds no bars.

    Where the source is a replay of `symbol`, no run is planned after its end.
    """

    def __init__(
        self,
        exchange: str = "XSHG",
        *,
        cadence: str = "session",
        delay: timedelta = timedelta(0),
        make_up: int = 0,
        published_at: str = "",
        symbol: str = "",
    ) -> None:
        # Imported here, as everything of the package in this folder; this module of it is light.
        from factorprism.core.exchanges import EXCHANGES
        from factorprism.core.publication import read_publication

        if exchange not in EXCHANGES:
            raise ValueError(f"exchange: {exchange!r}, allowed are {', '.join(EXCHANGES)}")
        if cadence not in CADENCES:
            raise ValueError(f"cadence: {cadence!r}, allowed are {', '.join(CADENCES)}")
        if delay < timedelta(0):
            raise ValueError(f"delay: {delay}, allowed is zero or more")
        if make_up < 0:
            raise ValueError(f"make_up: {make_up}, allowed is zero or more")
        self.exchange = exchange
        self.cadence = cadence
        self.delay = delay
        self.make_up = make_up
        self.symbol = symbol
        self.published_at = published_at or published_at_setting(exchange, os.environ)
        self._zone = EXCHANGES[exchange].zone
        self._first_weekday = EXCHANGES[exchange].first_weekday
        self._publication = read_publication(self.published_at, exchange)
        self.description = self._describe()

    @property
    def summary(self) -> str:
        return f"{self.exchange}, each {self.cadence}"

    def serialize(self) -> dict[str, Any]:
        return {
            "exchange": self.exchange,
            "cadence": self.cadence,
            "delay_seconds": self.delay.total_seconds(),
            "make_up": self.make_up,
            "published_at": self.published_at,
            "symbol": self.symbol,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> TradingSessionTimetable:
        return cls(
            data["exchange"],
            cadence=data["cadence"],
            delay=timedelta(seconds=data["delay_seconds"]),
            make_up=data["make_up"],
            # A DAG that an earlier release has stored has none until its file is parsed again.
            published_at=data.get("published_at", ""),
            symbol=data.get("symbol", ""),
        )

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the interval of the session that a run started by hand at `run_after` is for.

        Midnight UTC of a session is that session's logical date and means the session itself;
        any other moment means the last session published by then.
        """
        if run_after.time() == time(0) and self._trades(run_after.date()):
            return self._interval(run_after.date())
        return self._interval(next(self._published_before(run_after)))

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        bounds = [self._calendar.first]
        if restriction.earliest is not None:
            bounds.append((restriction.earliest + ONE_DAY - timedelta(microseconds=1)).date())
        if last_automated_data_interval is not None:
            bounds.append(last_automated_data_interval.start.date() + ONE_DAY)
        if not restriction.catchup:
            first_ever = last_automated_data_interval is None
            bounds.append(self._earliest_wanted(datetime.now(UTC), first_ever=first_ever))
        elif len(bounds) == 1:
            return None  # neither a start date nor an earlier run: nothing to catch up from
        day = max(bounds)
        while not self._is_due_on(day):
            day += ONE_DAY
        end = source_end(os.environ, self.symbol) if self.symbol else None
        if end is not None and day > end:
            return None
        interval = self._interval(day)
        if restriction.latest is not None and interval.start > restriction.latest:
            return None
        self._tell_expected(day)
        return DagRunInfo(run_after=interval.end + self.delay, data_interval=interval)

    @property
    def _calendar(self) -> TradingCalendar:
        # Imported when a run is planned: parsing a DAG file must stay light.
        from factorprism.core.calendar import calendar_for

        learn_days(self.exchange, os.environ)
        return calendar_for(self.exchange).published_from(self._publication)

    def _describe(self) -> str:
        runs = "Each session" if self.cadence == "session" else "The last session of each week"
        moment = f"its bars are final ({self.published_at} {self._zone})"
        after = f"{self.delay} after {moment}" if self.delay else f"once {moment}"
        return f"{runs} of {self.exchange}, {after}"

    def _trades(self, day: date) -> bool:
        calendar = self._calendar
        return day >= calendar.first and calendar.is_session(day)

    def _is_due_on(self, day: date) -> bool:
        if self.cadence == "session" or not self._trades(day):
            return self._trades(day)
        rest_of_week = range(1, 7 - (day.weekday() - self._first_weekday) % 7)
        return not any(self._trades(day + n * ONE_DAY) for n in rest_of_week)

    def _published_at(self, day: date) -> datetime:
        return self._calendar.published_at(day).replace(tzinfo=UTC)

    def _interval(self, day: date) -> DataInterval:
        start = datetime.combine(day, time(0), UTC)
        return DataInterval(instance(start), instance(self._published_at(day)))

    def _published_before(self, moment: datetime) -> Iterator[date]:
        """Yield the sessions whose bars are final at `moment`, latest first."""
        day = moment.astimezone(UTC).date()
        while day >= self._calendar.first:
            if self._trades(day) and self._published_at(day) <= moment:
                yield day
            day -= ONE_DAY

    def _earliest_wanted(self, now: datetime, *, first_ever: bool) -> date:
        if not first_ever:
            return self._nth_due_before(now, self.make_up)
        # A run that is due is still to be created: until then it must remain the coming one.
        return self._nth_due_before(now - FIRST_RUN_GRACE, 0) + ONE_DAY

    def _nth_due_before(self, moment: datetime, n: int) -> date:
        """Return the session of the `n`-th run before the latest one due at `moment`."""
        day = self._calendar.first
        for session in self._published_before(moment - self.delay):
            if self._is_due_on(session):
                day, n = session, n - 1
                if n < 0:
                    break
        return day

    def _tell_expected(self, day: date) -> None:
        calendar = self._calendar
        if calendar.is_expected(day):
            logger.info(
                "The %s calendar is known to %s: the session of %s is expected.",
                self.exchange,
                calendar.known_through,
                day,
            )


class TradingSessionsPlugin(AirflowPlugin):
    """Makes the timetable known to the scheduler and the UI."""

    name = "trading_sessions"
    timetables = [TradingSessionTimetable]  # noqa: RUF012
