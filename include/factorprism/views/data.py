"""What is held, what is missing, what the gates said of it, and what was changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from factorprism.core.calendar import calendar_of
from factorprism.core.config import SOURCES
from factorprism.core.severity import CRITICAL
from factorprism.core.universe import Universe
from factorprism.market.bars import PullState, PullSummary
from factorprism.market.findings import (
    Acceptance,
    Finding,
    FixedFinding,
    GateSummary,
    QualityResult,
    SetAside,
)
from factorprism.pipelines import GATES, gate_key
from factorprism.views._coverage import (
    CLOSED,
    HELD,
    Coverage,
    Day,
    Month,
    arrange_months,
    load_coverage,
    load_days,
)
from factorprism.views._lines import require_trading
from factorprism.views._missing import MissingTable, load_missing
from factorprism.views._revisions import RevisedBar, load_revisions
from factorprism.warehouse import PostgresWarehouse

GATE_SESSIONS = 20  # sessions back that the list of gate runs reaches
SHOWN_PULLS = 20
SHOWN_FINDINGS = 20


@dataclass(frozen=True)
class GateRun:
    """One gate of one session: what it came to, and every verdict, the failed ones first."""

    session: date
    gate: str
    summary: GateSummary
    results: tuple[QualityResult, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class DataPage:
    """All of the page **Data**; `symbol` is the one that `missing` and the years speak of.

    `gates` are those of `gate_session`, with their verdicts; `recent_gates` the summaries of the
    sessions before. `quarantined` are the newest refused pulls, whenever they came, `findings`
    the newest that are open, `fixed` those that a later pull has proved fixed, and `set_aside`
    the rows that stand outside the bars.
    """

    universe: Universe
    symbol: str
    through: date | None
    coverage: tuple[Coverage, ...]
    missing: MissingTable | None
    gate_session: date | None
    gates: tuple[GateRun, ...]
    recent_gates: tuple[GateRun, ...]
    pull_counts: Mapping[PullState, int]
    pulls: tuple[PullSummary, ...]
    quarantined: tuple[PullSummary, ...]
    findings: tuple[Finding, ...]
    fixed: tuple[FixedFinding, ...]
    set_aside: tuple[SetAside, ...]
    accepted: tuple[Acceptance, ...]
    n_revised: int
    revisions: tuple[RevisedBar, ...]

    @property
    def own_coverage(self) -> Coverage | None:
        """What is held of `symbol`."""
        return next((item for item in self.coverage if item.symbol == self.symbol), None)


@dataclass(frozen=True)
class YearPage:
    """One symbol's year, day by day, and its missing factor cells by month."""

    universe: Universe
    symbol: str
    year: int
    years: tuple[int, ...]
    days: tuple[Day, ...] = field(repr=False)
    missing: MissingTable | None
    set_aside: Mapping[date, SetAside] = field(default_factory=dict)
    accepted: Mapping[date, tuple[Acceptance, ...]] = field(default_factory=dict)

    @property
    def months(self) -> tuple[Month, ...]:
        return arrange_months(self.days)

    @property
    def faulty(self) -> tuple[Day, ...]:
        """The days on which a bar, or a value of it, is missing."""
        return tuple(day for day in self.days if day.state not in (HELD, CLOSED))


def read_data(
    warehouse: PostgresWarehouse,
    universe: Universe,
    signal: str,
    *,
    symbol: str = "",
    session: date | None = None,
) -> DataPage:
    """Return the page for `symbol` (default: the target) and the gates of `session` (the newest).

    Revised bars are held against the forecasts of `signal`.

    Raises ``ValueError`` for a symbol that is no channel of `universe`, `NotHeld` for a session
    that is none.
    """
    symbol = _check_symbol(universe, symbol)
    if session is not None:
        require_trading(session, universe.target)
    through = find_through(warehouse, universe)
    channels, pulls = universe.channels, warehouse.pulls
    recent = _summarise_gates(warehouse, universe, session or through)
    gate_session = session or (recent[0].session if recent else through)
    found = [] if through is None else [load_coverage(warehouse, one, through) for one in channels]
    return DataPage(
        universe=universe,
        symbol=symbol,
        through=through,
        coverage=tuple(item for item in found if item),
        missing=None if through is None else load_missing(warehouse, symbol, through),
        gate_session=gate_session,
        gates=tuple(_with_results(warehouse, run) for run in recent if run.session == gate_session),
        recent_gates=tuple(recent),
        pull_counts=pulls.count_pulls(channels),
        pulls=tuple(pulls.list_pulls(channels, SHOWN_PULLS)),
        quarantined=tuple(pulls.list_pulls(channels, SHOWN_PULLS, PullState.QUARANTINED)),
        findings=tuple(warehouse.findings.list_findings(channels, SHOWN_FINDINGS)),
        fixed=tuple(warehouse.findings.list_fixed(channels, SHOWN_FINDINGS)),
        set_aside=tuple(warehouse.findings.list_set_aside(channels)),
        accepted=tuple(warehouse.findings.list_accepted(channels)),
        n_revised=warehouse.bars.count_revisions(channels),
        revisions=load_revisions(warehouse, universe, signal),
    )


def read_year(warehouse: PostgresWarehouse, universe: Universe, symbol: str, year: int) -> YearPage:
    """Return the days of `year`; raises ``ValueError`` for a year before or after all bars."""
    symbol = _check_symbol(universe, symbol)
    through = find_through(warehouse, universe)
    extent = warehouse.bars.load_extent(symbol)
    years: tuple[int, ...] = ()
    if through is not None and extent is not None:
        years = tuple(range(extent[0].year, max(through, extent[1]).year + 1))
    if through is None or year not in years:
        raise ValueError(f"year: {year}, allowed are {', '.join(map(str, years)) or 'none'}")
    return YearPage(
        universe=universe,
        symbol=symbol,
        year=year,
        years=years,
        days=load_days(warehouse, symbol, year, through),
        missing=load_missing(warehouse, symbol, through, year),
        set_aside={
            row.session: row
            for row in warehouse.findings.list_set_aside([symbol])
            if row.session.year == year
        },
        accepted=_list_accepted(warehouse, symbol, year),
    )


def _list_accepted(
    warehouse: PostgresWarehouse, symbol: str, year: int
) -> dict[date, tuple[Acceptance, ...]]:
    """Return what was accepted of the bars of `year`, by the sessions that it was found on."""
    by_day: dict[date, tuple[Acceptance, ...]] = {}
    for item in warehouse.findings.list_accepted([symbol]):
        for day in map(date.fromisoformat, item.finding.rows):
            if day.year == year:
                by_day[day] = (*by_day.get(day, ()), item)
    return dict(sorted(by_day.items()))


def find_through(warehouse: PostgresWarehouse, universe: Universe) -> date | None:
    """Return the last session that `universe` has a bar or a row of the ledger for, or None.

    An evening whose bars were refused has a withheld row, and so its bars are seen to be absent.
    """
    extents = [warehouse.bars.load_extent(symbol) for symbol in universe.channels]
    known = [extent[1] for extent in extents if extent]
    if known:
        rows = warehouse.forecasts.load_forecasts(first=max(known))
        known += [row.session for row in rows if row.universe == universe.name]
    return max(known, default=None)


def _check_symbol(universe: Universe, symbol: str) -> str:
    if symbol and symbol not in universe.channels:
        raise ValueError(f"symbol: {symbol!r}, allowed are {', '.join(universe.channels)}")
    return symbol or universe.target


def _summarise_gates(
    warehouse: PostgresWarehouse, universe: Universe, through: date | None
) -> list[GateRun]:
    """Return the gates of the sessions up to `through`, the last session first, bars first."""
    if through is None:
        return []
    calendar = calendar_of(universe.target)
    days = calendar.sessions(calendar.first, through)[-GATE_SESSIONS:].tolist()
    keys = {
        gate_key(gate, day, source, universe.name): (day, gate)
        for day in days
        for gate in GATES
        for source in SOURCES
    }
    summaries = warehouse.quality.summarise_gates(list(keys))
    runs = [GateRun(*keys[summary.run_key], summary) for summary in summaries]
    return sorted(runs, key=lambda run: (-run.session.toordinal(), run.gate))


def _with_results(warehouse: PostgresWarehouse, run: GateRun) -> GateRun:
    results = warehouse.quality.load_results(run.summary.run_key)
    return GateRun(run.session, run.gate, run.summary, tuple(_order(results)))


def _order(results: Sequence[QualityResult]) -> list[QualityResult]:
    # Stable, so that the gate's own order stays within each group.
    return sorted(results, key=lambda item: (item.success, item.severity != CRITICAL))
