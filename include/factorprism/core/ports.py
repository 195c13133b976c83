"""The doors of the package: what sources, warehouse, registry and alerts promise to the pipelines.

Each protocol has one adapter that touches the outside and, in the tests, a hand-written fake.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import pandas as pd

from factorprism.core.contest import ContestReport, Explanation, FoldForecasts, FoldTime
from factorprism.core.housekeeping import (
    StoredBundle,
    StoredImageSet,
    StoredModel,
    StoredPayload,
)
from factorprism.core.readings import (
    DatedDecision,
    ForecastLine,
    GateSummary,
    HeldBars,
    IssuedForecast,
    JudgedForecasts,
    KeptModel,
    PullSummary,
    Record,
    RevisedValue,
)
from factorprism.core.schemas import (
    Acceptance,
    Address,
    Alert,
    Evaluation,
    FactorPanel,
    Finding,
    Forecast,
    Mended,
    MergeResult,
    Message,
    ModelRecord,
    Outcome,
    Promotion,
    Pull,
    PullState,
    QualityResult,
    SetAside,
    TrackedAlert,
    Training,
)


class BarSource(Protocol):
    """Fetches daily bars; volume in shares and amount in CNY, whatever the vendor's units are."""

    name: str

    def fetch_bars(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Pull]:
        """Yield pulls, oldest first within a symbol, that together cover [`first`, `last`].

        Each is complete in itself, so that a caller who stores them one by one can go on where
        it was cut off. Raises `SourceError`; never yields a session that is not published yet.
        """
        ...

    def fetch_sessions(self, exchange: str, first: date, last: date) -> list[date]:
        """Return the vendor's trading days in [`first`, `last`]."""
        ...

    def fetch_days(self, exchange: str, first: date, last: date) -> dict[date, bool]:
        """Return whether `exchange` trades, for each day in [`first`, `last`] that is published.

        Empty where the source publishes no calendar of `exchange`. Raises `SourceError`.
        """
        ...

    def latest_session(self, symbol: str, now: datetime) -> date:
        """Return the last session of `symbol` that the source can serve at `now` (naive, UTC)."""
        ...

    def first_session(self, symbol: str) -> date:
        """Return the first session worth asking for."""
        ...

    def final_session(self, symbol: str) -> date | None:
        """Return the last session of `symbol` that there will ever be; None: more are to come."""
        ...


class PullStore(Protocol):
    def save_pull(self, pull: Pull) -> int:
        """Keep `pull` as it came and return its id; the same content again gives the same id."""
        ...

    def load_pull(self, pull_id: int) -> Pull: ...

    def mark_pull(self, pull_id: int, state: PullState, reason: str = "") -> None: ...

    def pending_pulls(self, source: str, symbol: str) -> list[tuple[int, date, date]]:
        """Return (id, first, last) of the pulls that no gate has judged yet, oldest range first."""
        ...

    def last_pulled(self, source: str, symbol: str) -> date | None:
        """Return the last session covered by an accepted pull without a hole before it."""
        ...

    def list_pulls(
        self, symbols: Sequence[str], limit: int, state: PullState | None = None
    ) -> list[PullSummary]:
        """Return the newest `limit` pulls of `symbols`, those in `state` alone if it is given."""
        ...

    def count_pulls(self, symbols: Sequence[str]) -> dict[PullState, int]:
        """Return how many pulls of `symbols` are in each state."""
        ...

    def list_origins(self, symbols: Sequence[str], first: date, last: date) -> list[PullSummary]:
        """Return the pulls that gave the bars in force of [`first`, `last`], by their ids."""
        ...

    def list_refused(self, symbols: Sequence[str], first: date, last: date) -> list[PullSummary]:
        """Return the quarantined pulls that asked for a session of [`first`, `last`]."""
        ...


class BarStore(Protocol):
    def merge_bars(self, bars: pd.DataFrame, pull_id: int) -> MergeResult:
        """Insert new bars and revise changed ones of one symbol, in one transaction.

        A changed value writes one `Revision` a column; the old value stays there. The first
        session that changed is remembered, so that factors are computed again from there.
        """
        ...

    def load_bars(
        self, symbols: Sequence[str], first: date, last: date, known_at: datetime | None = None
    ) -> pd.DataFrame:
        """Return the bar frame of `symbols` in [`first`, `last`], as known at `known_at` (UTC)."""
        ...

    def load_extent(self, symbol: str) -> tuple[date, date] | None:
        """Return the first and last session held, or None."""
        ...

    def load_revisions(self, symbol: str, first: date, last: date) -> pd.DataFrame: ...

    def load_held_bars(self, symbol: str, first: date, last: date) -> HeldBars:
        """Return which bars of `symbol` in [`first`, `last`] are held, and what they lack."""
        ...

    def list_revisions(self, symbols: Sequence[str], limit: int) -> list[RevisedValue]:
        """Return the newest `limit` revised values of `symbols`, the last revised first."""
        ...

    def count_revisions(self, symbols: Sequence[str]) -> int: ...


class FactorStore(Protocol):
    def changed_from(self, symbol: str, catalogue_hash: str) -> date | None:
        """Return the first session whose factors are not computed from the bars now held."""
        ...

    def save_factors(self, panel: FactorPanel, catalogue_hash: str) -> int:
        """Merge `panel`'s rows and mark its symbol as computed through its last session."""
        ...

    def load_factors(
        self, symbol: str, catalogue_hash: str, first: date, last: date
    ) -> FactorPanel: ...


class QualityStore(Protocol):
    def save_results(self, results: Sequence[QualityResult], run_key: str) -> None:
        """Keep `results` under `run_key`; the same key again replaces them."""
        ...

    def load_results(self, run_key: str) -> list[QualityResult]: ...

    def summarise_gates(self, run_keys: Sequence[str]) -> list[GateSummary]:
        """Return the summaries of those of `run_keys` that are held, the newest first."""
        ...


class FindingStore(Protocol):
    """The gate's critical findings by name, what was accepted, and the rows kept out of bars."""

    def save_findings(self, pull_id: int, found: Sequence[Finding]) -> None:
        """Keep `found` of `pull_id`; of one that is held already, that it was found there."""
        ...

    def load_finding(self, finding_id: str) -> Finding | None: ...

    def list_findings(self, symbols: Sequence[str], limit: int) -> list[Finding]:
        """Return the newest `limit` findings of `symbols` that keep something out."""
        ...

    def list_mended(self, symbols: Sequence[str], limit: int) -> list[Mended]:
        """Return the newest `limit` findings of `symbols` that a later pull proved mended."""
        ...

    def accept_finding(self, finding_id: str, by: str, reason: str) -> bool:
        """Accept for good what is held as `finding_id`; False when somebody has done so already."""
        ...

    def list_accepted(self, symbols: Sequence[str]) -> list[Acceptance]:
        """Return what was accepted of `symbols`, the newest first."""
        ...

    def save_set_aside(self, pull_id: int, rows: Sequence[SetAside]) -> None:
        """Keep `rows` as what `pull_id` has not given; what it had before is replaced."""
        ...

    def load_set_aside(self, pull_id: int) -> list[SetAside]: ...

    def list_set_aside(self, symbols: Sequence[str]) -> list[SetAside]:
        """Return what stands of `symbols`, one row a session (its newest), the latest first."""
        ...

    def clear_set_aside(
        self, symbol: str, sessions: Sequence[date], pull_id: int | None = None
    ) -> None:
        """Note that nothing of `sessions` stands aside since `pull_id`, or a person's word."""
        ...


class ModelStore(Protocol):
    def save_image_set(
        self,
        image_set_hash: str,
        universe: str,
        first: date,
        last: date,
        spec: dict[str, object],
        path: str,
    ) -> None: ...

    def save_model(self, record: ModelRecord) -> None: ...

    def load_model(self, model_id: str) -> ModelRecord: ...

    def list_models(self, universe: str, horizon: int) -> list[ModelRecord]: ...

    def save_training(self, training: Training) -> None:
        """Keep `training`; one of a model that is held already stays as it is."""
        ...

    def load_training(self, model_id: str) -> Training | None: ...

    def save_evaluations(self, evaluations: Sequence[Evaluation]) -> None: ...

    def load_evaluations(self, model_id: str) -> list[Evaluation]: ...

    def append_promotion(self, promotion: Promotion) -> bool:
        """Append one decision; False when its number for as_of and candidate is held already."""
        ...

    def list_promotions(self, universe: str, horizon: int) -> list[Promotion]:
        """Return the decisions, oldest first."""
        ...

    def list_dated_decisions(self, universe: str, horizon: int) -> list[DatedDecision]:
        """Return the decisions in the order of `list_promotions`."""
        ...

    def list_kept_models(
        self, universe: str, horizon: int, metrics: Sequence[str]
    ) -> list[KeptModel]:
        """Return the models with their figures of `metrics`, the last trained first."""
        ...


class ForecastLedger(Protocol):
    def append(self, forecast: Forecast) -> bool:
        """Append one row; False when the ledger already has the last word for its key.

        A key is (target, session, horizon, model). After a withheld row may come an issued one or
        one withheld for another reason, nothing follows an issued row, and no row is ever changed.
        """
        ...

    def load_forecasts(
        self, target: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[Forecast]:
        """Return rows ordered by session, target, horizon, model and word."""
        ...

    def load_unsettled(self, target: str, horizon: int, through: date) -> list[Forecast]:
        """Return issued rows whose horizon end is not after `through` and that have no outcome."""
        ...

    def save_outcomes(self, outcomes: Sequence[Outcome]) -> int: ...

    def load_outcomes(self, target: str, horizon: int) -> pd.DataFrame:
        """Return issued forecasts joined to their outcomes, one row each, by session."""
        ...

    def list_lines(self) -> list[ForecastLine]:
        """Return the ledger's lines by target, universe and horizon."""
        ...

    def load_record(self, target: str, universe: str, horizon: int) -> Record:
        """Return the line's last word for each session, beside what came of it."""
        ...

    def list_sessions(self, universe: str | None = None, horizon: int | None = None) -> list[date]:
        """Return the sessions that the ledger has a row of, ascending."""
        ...

    def find_newest_issued(self, target: str, universe: str, horizon: int) -> date | None:
        """Return the last session with an issued forecast of the line, or None."""
        ...

    def list_issued(
        self, universe: str, first: date, last: date, before: datetime
    ) -> list[IssuedForecast]:
        """Return the forecasts of sessions in [`first`, `last`] issued before `before`."""
        ...

    def load_outcome(self, forecast: Forecast) -> tuple[Outcome, datetime] | None:
        """Return what came of `forecast` and when it was settled (naive UTC), or None."""
        ...


class ContestStore(Protocol):
    """Judged folds by key, and the reports drawn from them."""

    def save_fold(self, fold: FoldForecasts) -> bool:
        """Keep `fold` in one transaction; False when its key is held, and stays as it is."""
        ...

    def list_held(self, fold_keys: Sequence[str]) -> set[str]:
        """Return those of `fold_keys` that are held."""
        ...

    def load_folds(self, fold_keys: Sequence[str]) -> list[FoldForecasts]:
        """Return the folds in the order of `fold_keys`; raises `ArtefactError` for one missing."""
        ...

    def count_trials(self, universe: str, horizon: int) -> int:
        """Return how many entrants, each setting for itself, were ever judged on true labels."""
        ...

    def list_times(
        self, universe: str, horizon: int, since: datetime, device: str
    ) -> list[FoldTime]:
        """Return how long folds of true labels took, judged on `device` after `since` (UTC)."""
        ...

    def save_report(self, report: ContestReport) -> None:
        """Keep `report`; one of the same universe, horizon and session is replaced."""
        ...

    def load_report(
        self, universe: str, horizon: int, as_of: date | None = None
    ) -> ContestReport | None:
        """Return the report of `as_of`, or the newest; None when there is none."""
        ...

    def load_last_contest(
        self, universe: str, horizon: int, through: date
    ) -> tuple[date, str] | None:
        """Return session and sentence of the last contest not after `through`, or None."""
        ...

    def load_judged(
        self, universe: str, horizon: int, entrant: str | None = None
    ) -> dict[str, JudgedForecasts]:
        """Return the contest's forecasts of true labels by entrant, the newest of each session."""
        ...


class ExplanationStore(Protocol):
    def save_explanation(self, explanation: Explanation) -> None:
        """Keep `explanation`; one of the same forecast is replaced."""
        ...

    def load_explanation(
        self, target: str, session: date, horizon: int, model_id: str
    ) -> Explanation | None: ...


class CalendarStore(Protocol):
    """Trading days: what vendors publish, the newest answer on each, and the days with bars."""

    def save_days(
        self, exchange: str, source: str, days: Mapping[date, bool], fetched_at: datetime
    ) -> None:
        """Keep what `source` said at `fetched_at` (naive, UTC): day, and whether it trades."""
        ...

    def load_days(self, exchange: str) -> dict[date, bool]:
        """Return all days held of `exchange`, ascending, each by its newest answer."""
        ...

    def load_traded(self, exchange: str) -> list[date]:
        """Return the days of which a source has given a bar of any symbol of `exchange`, ascending.

        Those with a bar that is held, and those whose row was set aside for what it says.
        """
        ...

    def last_fetched(self, exchange: str, source: str) -> datetime | None:
        """Return when `source` last answered (naive, UTC), or None."""
        ...


class HousekeepingStore(Protocol):
    """What retention needs to know of the rows, and the one thing that it may take from them."""

    def list_models(self) -> list[StoredModel]:
        """Return every recorded model with what refers to it, by id."""
        ...

    def list_image_sets(self) -> list[StoredImageSet]: ...

    def list_payloads(self, merged_before: datetime) -> list[StoredPayload]:
        """Return the accepted pulls whose content is kept and was merged before (naive, UTC)."""
        ...

    def clear_payload(self, pull_id: int) -> bool:
        """Drop the content of an accepted pull and keep its row and hash; False: nothing to do."""
        ...


class AlertStore(Protocol):
    """Alerts by key, with what was told of each and when; delivery itself is not its business."""

    def raise_alert(self, alert: Alert) -> bool:
        """Open `alert`; False when its key is open already, which is then only counted."""
        ...

    def record_event(self, alert: Alert) -> bool:
        """Keep `alert` as something that happened and is over; False when its key is known."""
        ...

    def resolve_alert(self, key: str, sentence: str = "", through: date | None = None) -> bool:
        """Close the open alert of `key`; False when none is open, or it is of a session after
        `through`. `sentence` says what its end was.
        """
        ...

    def list_open_alerts(self) -> list[Alert]:
        """Return the open alerts, oldest first."""
        ...

    def list_untold(self) -> list[TrackedAlert]:
        """Return what has happened of late and was not told yet, beginning or end, oldest first."""
        ...

    def find_alert(self, key: str) -> TrackedAlert | None:
        """Return the last occurrence of `key`."""
        ...

    def mark_told(self, entry: TrackedAlert) -> None:
        """Write down that the message of `entry`, as it stands there, has left."""
        ...

    def mark_failed(self, entry: TrackedAlert, told_to: Collection[str]) -> None:
        """Write down that the message of `entry` could be handed to `told_to` alone so far."""
        ...

    def list_alerts(self, session: date) -> list[TrackedAlert]:
        """Return every alert about `session`, open or resolved, oldest first."""
        ...


class Warehouse(Protocol):
    """All tables behind one connection pool."""

    @property
    def pulls(self) -> PullStore: ...

    @property
    def bars(self) -> BarStore: ...

    @property
    def factors(self) -> FactorStore: ...

    @property
    def quality(self) -> QualityStore: ...

    @property
    def findings(self) -> FindingStore: ...

    @property
    def models(self) -> ModelStore: ...

    @property
    def forecasts(self) -> ForecastLedger: ...

    @property
    def contests(self) -> ContestStore: ...

    @property
    def explanations(self) -> ExplanationStore: ...

    @property
    def calendar(self) -> CalendarStore: ...

    @property
    def housekeeping(self) -> HousekeepingStore: ...

    @property
    def alerts(self) -> AlertStore: ...

    def migrate(self) -> None:
        """Bring the schema to the newest version; a second call does nothing."""
        ...

    def read_version(self) -> str:
        """Return a text that changes whenever a table changes that a page may show."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold `name` against every other process for the length of the block."""
        ...

    def close(self) -> None: ...


class ModelRegistry(Protocol):
    """Runs, model bundles (folders) and the aliases ``champion`` and ``challenger``."""

    def log_training(
        self,
        record: ModelRecord,
        bundle: Path,
        evaluations: Sequence[Evaluation],
        history: Sequence[dict[str, float]],
    ) -> None:
        """Keep `bundle` and register its model; a model that is registered already stays as is."""
        ...

    def fetch_bundle(self, model_id: str) -> Path:
        """Return a local folder with the bundle of `model_id`; raises `ArtefactError`."""
        ...

    def set_alias(self, universe: str, horizon: int, alias: str, model_id: str) -> None: ...

    def get_alias(self, universe: str, horizon: int, alias: str) -> str | None:
        """Return the model id behind `alias`, or None."""
        ...

    def list_bundles(self) -> list[StoredBundle]:
        """Return every bundle in the artefact store, registered or not, by place."""
        ...

    def remove_model(self, model_id: str) -> None:
        """Remove the files of `model_id` and its registration; it may be registered again."""
        ...

    def remove_orphan(self, place: str) -> None:
        """Remove the bundle at `place`; raises `ArtefactError` when a model is registered there."""
        ...


class Meter(Protocol):
    """Takes measurements of the pipeline; see `telemetry.catalogue` for their names."""

    def record(self, name: str, value: float, **labels: str) -> None:
        """Take one measurement; raises ``ValueError`` for a name or labels of no instrument."""
        ...

    def close(self) -> None:
        """Send what was gathered; a collector that does not answer is logged, never raised."""
        ...


class AlertSink(Protocol):
    @property
    def addresses(self) -> Sequence[Address]:
        """Where messages go; none: they stay in the log and the warehouse."""
        ...

    def send(self, address: Address, message: Message) -> bool:
        """Return whether `address` took `message`; never raises for one that it did not take."""
        ...
