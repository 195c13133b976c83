"""The doors of the package that have more than one adapter, or a hand-written fake in the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from factorprism.core.housekeeping import StoredBundle
from factorprism.core.schemas import Address, Evaluation, Message, ModelRecord, Pull


class BarSource(Protocol):
    """Fetches daily bars; volume in shares and amount in CNY, whatever the vendor's units are."""

    name: str

    def fetch_bars(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Pull]:
        """Yield pulls, oldest first within a symbol, that together cover [`first`, `last`].

        Each is complete in itself, so that a caller who stores them one by one can go on where
        it was cut off. Raises `SourceError`; never yields a session that is not published yet.
        """
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

    def set_alias(self, signal: str, alias: str, model_id: str) -> None: ...

    def get_alias(self, signal: str, alias: str) -> str | None:
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
