"""How old is the newest forecast? What a person and a watchdog want to know before all else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from factorprism.core.calendar import TradingCalendar
from factorprism.core.ledger import ForecastLine
from factorprism.warehouse import PostgresWarehouse


@dataclass(frozen=True)
class Freshness:
    """Where one line of forecasts stands, at one moment.

    `newest` is the session of its newest issued forecast, None without one. `published` is the
    last session whose bars are final by the clock, `due` the one that a forecast is due for: the
    same, or the last session of a replay, whose data end at `final`. `passed` and `behind` count
    the sessions after `newest`, through `published` and through `due`.
    """

    newest: date | None
    published: date
    due: date
    final: date | None
    passed: int
    behind: int

    @property
    def replay_is_over(self) -> bool:
        """Whether the data have ended, so that nothing more is to be waited for."""
        return self.final is not None and self.final < self.published


def read_freshness(
    warehouse: PostgresWarehouse,
    line: ForecastLine,
    calendar: TradingCalendar,
    now: datetime,
    final: date | None = None,
) -> Freshness:
    """Return how `line` stands at `now` (naive, UTC); `final` is the last session of a replay."""
    newest = warehouse.forecasts.find_newest_issued(line.signal)
    return measure_freshness(newest, calendar, now, final)


def measure_freshness(
    newest: date | None, calendar: TradingCalendar, now: datetime, final: date | None = None
) -> Freshness:
    """Return how old `newest` is at `now` (naive, UTC), counted on `calendar`."""
    published = calendar.last_published(now)
    due = published if final is None else min(published, final)
    return Freshness(
        newest=newest,
        published=published,
        due=due,
        final=final,
        passed=_count_after(calendar, newest, published),
        behind=_count_after(calendar, newest, due),
    )


def _count_after(calendar: TradingCalendar, session: date | None, through: date) -> int:
    if session is None or session >= through:
        return 0
    return calendar.count_since(session, through)
