"""The protocols that have more than one adapter, or a hand-written fake in the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from factorprism.core.alerts import Address, Message
from factorprism.core.housekeeping import StoredBundle
from factorprism.core.models import Evaluation, ModelRecord


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
        """Return every bundle in the artefact store, registered or not, by path."""
        ...

    def remove_model(self, model_id: str) -> None:
        """Remove the files of `model_id` and its registration; it may be registered again."""
        ...

    def remove_orphan(self, store_path: str) -> None:
        """Remove the bundle at `store_path`; raises `ArtefactError` when a model is registered
        there."""
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
