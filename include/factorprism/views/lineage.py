"""Where did this forecast come from, and what became of it? Each link with its hash and state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from factorprism.core.alerts import TrackedAlert
from factorprism.core.arrays import hash_array
from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastLine, ForecastState
from factorprism.core.models import ModelRecord, Promotion, TrainingSummary
from factorprism.core.severity import CRITICAL
from factorprism.factors import Normaliser, catalogue_hash
from factorprism.forecasts import ImageWindow
from factorprism.market.findings import Acceptance, QualityResult
from factorprism.pipelines import GATES, Run
from factorprism.pipelines.champions import list_decisions
from factorprism.views._match import HashLink, Match, compare_hashes
from factorprism.views._provenance import (
    BarsLink,
    SettledOutcome,
    load_bars_link,
    load_settled,
)
from factorprism.views._window import choose_row, load_held_window, load_record, load_rows, open_run
from factorprism.warehouse import PostgresWarehouse

__all__ = [
    "BarsLink",
    "FactorsLink",
    "GateLink",
    "HashLink",
    "Lineage",
    "Match",
    "ModelLink",
    "SettledOutcome",
    "read_lineage",
]

MAX_ANCESTORS = 50


@dataclass(frozen=True)
class ModelLink:
    """The model that a row names, its ancestors by fine-tuning, and how it became champion.

    `record` is None where the model is not in the warehouse (or none was in force); `ancestors`
    begin with the parent. `promotion` is the decision in force at the session.
    """

    model_id: str
    record: ModelRecord | None
    ancestors: tuple[ModelRecord, ...]
    promotion: Promotion | None


@dataclass(frozen=True)
class FactorsLink:
    """The factors of the window: `content` is their hash, `catalogue` that of the formulas.

    `stale_from` maps a channel to the first session whose factors no longer follow from its bars.
    `missing` counts cells without a value.
    """

    content: HashLink
    catalogue: str
    factors: tuple[str, ...]
    channels: tuple[str, ...]
    first: date | None
    last: date | None
    missing: int
    stale_from: dict[str, date]


@dataclass(frozen=True)
class GateLink:
    """One gate's verdicts of the session: those that failed, and how many were asked."""

    run_key: str
    asked: int
    failed: tuple[QualityResult, ...]

    @property
    def is_critical(self) -> bool:
        """Whether a critical expectation failed: rows are set aside, or the run stops."""
        return any(result.severity == CRITICAL for result in self.failed)


@dataclass(frozen=True)
class Lineage:
    """One row of the ledger, back to the pulls and forward to its outcome.

    `rows` are all rows of the session in the order of their writing, `row` the one that is
    followed. `explained` tells whether its explanation is held. `accepted` are the findings on its
    bars that a person has declared to be no fault.
    """

    row: Forecast
    rows: tuple[Forecast, ...] = field(repr=False)
    known: tuple[date, ...] = field(repr=False)
    model: ModelLink
    image: HashLink
    factors: FactorsLink
    bars: BarsLink
    gates: tuple[GateLink, ...]
    accepted: tuple[Acceptance, ...]
    explained: bool
    settled: SettledOutcome | None
    alerts: tuple[TrackedAlert, ...]

    @property
    def matches(self) -> tuple[Match, ...]:
        """What became of the recorded hashes: bars, factors, image."""
        return (self.bars.content.match, self.factors.content.match, self.image.match)


def read_lineage(
    warehouse: PostgresWarehouse,
    config: Config,
    line: ForecastLine,
    session: date,
    model_id: str = "",
    state: str = "",
) -> Lineage | None:
    """Return the lineage of a row of `session` of `line`; None without a row.

    The row is that of `model_id` and `state` where they are given, else the one that stands for
    the session: the last issued, or the last withheld. Reads the warehouse alone. Raises
    `WarehouseError` when the warehouse cannot be reached.
    """
    run = open_run(warehouse, config, line, session)
    rows = load_rows(run)
    row = choose_row(
        [
            held
            for held in rows
            if (not model_id or held.model_id == model_id) and (not state or held.state == state)
        ]
    )
    if row is None:
        return None
    model = _link_model(run, row)
    lookback = model.record.lookback if model.record else run.signal.lookback
    window = load_held_window(run, lookback)
    key = (row.signal, row.session, row.model_id)
    bars = load_bars_link(run, row, window)
    return Lineage(
        row=row,
        rows=tuple(rows),
        known=tuple(warehouse.forecasts.list_sessions(line.signal)),
        model=model,
        image=_link_image(run, row, model.record, window),
        factors=_link_factors(run, row, window),
        bars=bars,
        gates=_link_gates(run),
        accepted=_list_accepted(run, bars),
        explained=warehouse.explanations.load_explanation(*key) is not None,
        settled=load_settled(run, row) if row.state is ForecastState.ISSUED else None,
        alerts=tuple(warehouse.alerts.list_alerts(session)),
    )


def _link_model(run: Run, row: Forecast) -> ModelLink:
    record = load_record(run, row.model_id)
    ancestors: list[ModelRecord] = []
    youngest = record
    while youngest is not None and youngest.parent_id and len(ancestors) < MAX_ANCESTORS:
        youngest = load_record(run, youngest.parent_id)
        if youngest is not None:
            ancestors.append(youngest)
    reigns = [
        decision
        for decision in list_decisions(run)
        if decision.as_of <= run.session
        and decision.promoted
        and decision.champion_id == row.model_id
    ]
    return ModelLink(row.model_id, record, tuple(ancestors), reigns[-1] if reigns else None)


def _link_image(
    run: Run, row: Forecast, record: ModelRecord | None, window: ImageWindow | None
) -> HashLink:
    training = run.ports.warehouse.models.load_training(record.model_id) if record else None
    now = ""
    if window is not None and record is not None and training is not None:
        now = _hash_image(training, record, window)
    return compare_hashes(row.image_hash, now)


def _hash_image(training: TrainingSummary, record: ModelRecord, window: ImageWindow) -> str:
    fits = (record.factors, record.channels) == (window.factors, window.channels)
    if not training.normaliser or not fits:
        return ""
    scaled = Normaliser.from_dict(training.normaliser).transform(window.values)
    return hash_array(scaled, window.factor_hash)


def _link_factors(run: Run, row: Forecast, window: ImageWindow | None) -> FactorsLink:
    catalogue = catalogue_hash()
    channels = run.universe.channels
    stale = {
        symbol: changed
        for symbol in channels
        if (changed := run.ports.warehouse.factors.changed_from(symbol, catalogue))
        and changed <= run.session
    }
    return FactorsLink(
        content=compare_hashes(row.factor_hash, window.factor_hash if window else ""),
        catalogue=catalogue,
        factors=window.factors if window else (),
        channels=channels,
        first=window.sessions[0].astype(date) if window else None,
        last=window.sessions[-1].astype(date) if window else None,
        missing=sum(window.missing_cells.values()) if window else 0,
        stale_from=stale,
    )


def _link_gates(run: Run) -> tuple[GateLink, ...]:
    links = []
    for gate in GATES:
        key = run.gate_key(gate)
        results = run.ports.warehouse.quality.load_results(key)
        if results:
            failed = tuple(result for result in results if not result.success)
            links.append(GateLink(key, len(results), failed))
    return tuple(links)


def _list_accepted(run: Run, bars: BarsLink) -> tuple[Acceptance, ...]:
    if bars.first is None or bars.last is None:
        return ()
    first, last = bars.first.isoformat(), bars.last.isoformat()
    accepted = run.ports.warehouse.findings.list_accepted(run.universe.channels)
    return tuple(
        item for item in accepted if any(first <= day <= last for day in item.finding.rows)
    )
