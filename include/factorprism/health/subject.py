"""What the checks are asked about: a deployment, and one signal of it as of a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from factorprism.core.config import Config
from factorprism.core.ports import ModelRegistry
from factorprism.core.signals import Signal
from factorprism.market.panels import ImageSet
from factorprism.market.ports import BarSource
from factorprism.selection.promotion import find_champion
from factorprism.warehouse import PostgresWarehouse


class HealthPorts(Protocol):
    """Where a check reads, each opened when it is first asked for.

    Those of a run fit, and those of a watchdog, which give up sooner.
    """

    @property
    def warehouse(self) -> PostgresWarehouse: ...

    @property
    def source(self) -> BarSource: ...

    @property
    def registry(self) -> ModelRegistry: ...


def _no_airflow() -> str:
    return ""


@dataclass(frozen=True)
class Subject:
    """What a check is given; `now` is naive, UTC, `session` the last one that may be read.

    Checks of a signal or a universe ask about `signal`, those of an exchange about `exchange`.

    `load_images` returns the images of a signal's universe through a session, `verify_model` raises
    for a model of a signal whose files are not what they were. `require_airflow` returns the
    address of an Airflow that is well, empty where none is known, and raises `ServiceError` for one
    that is not.
    """

    config: Config
    ports: HealthPorts
    now: datetime
    session: date
    signal: Signal
    exchange: str
    load_images: Callable[[Signal, date], ImageSet]
    verify_model: Callable[[Signal, str], object]
    require_airflow: Callable[[], str] = _no_airflow
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find_champion(self) -> str | None:
        """Return the champion in force at the session by the ledger, or None."""
        decisions = self.ports.warehouse.models.list_promotions(self.signal.name)
        return find_champion(decisions, self.session)
