"""What every step of a pipeline is given: session, signal, configuration and open ports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from factorprism.core.alerts import Alert
from factorprism.core.calendar import TradingCalendar, exchange_of
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, FactorPrismError
from factorprism.core.ports import Meter, ModelRegistry
from factorprism.core.severity import CRITICAL, INFO
from factorprism.core.signals import Signal, list_issued_signals
from factorprism.core.universe import Universe
from factorprism.market.ports import BarSource
from factorprism.targets import Target, find_target
from factorprism.warehouse.calendar import teach_held_days

if TYPE_CHECKING:
    from factorprism.alerts import Delivery
    from factorprism.alerts.catalogue import AlertKind
    from factorprism.warehouse import PostgresWarehouse

logger = logging.getLogger("factorprism.pipelines")

StepContext = dict[str, Any]  # small JSON: names, ids, hashes and paths, never frames


class Ports:
    """The adapters of one run, each opened when it is first asked for.

    Opening lazily keeps a step that only reads the warehouse from importing the vendor's client
    or the model registry. A `warehouse` that is open already is used as it is.
    """

    def __init__(self, config: Config, warehouse: PostgresWarehouse | None = None) -> None:
        self._config = config
        if warehouse is not None:
            self.warehouse = warehouse

    @cached_property
    def warehouse(self) -> PostgresWarehouse:
        from factorprism.warehouse import PostgresWarehouse

        if not self._config.warehouse_url:
            raise ConfigurationError(
                "no warehouse is configured",
                remedy="Set FACTORPRISM_WAREHOUSE_URL, or start one: factorprism services start.",
            )
        return PostgresWarehouse(self._config.warehouse_url)

    @cached_property
    def source(self) -> BarSource:
        from factorprism.sources import build_source

        return build_source(self._config)

    @cached_property
    def registry(self) -> ModelRegistry:
        from factorprism.registry import MlflowRegistry

        return MlflowRegistry(
            self._config.tracking_url, self._config.artefacts_url, self._config.home / "bundles"
        )

    @cached_property
    def delivery(self) -> Delivery:
        from factorprism.alerts import Delivery, build_sink, build_wording

        warehouse, config = self.warehouse, self._config
        return Delivery(warehouse.alerts, build_sink(config), build_wording(config), warehouse.lock)

    @cached_property
    def meter(self) -> Meter:
        from factorprism.telemetry import build_meter

        return build_meter(self._config)

    def close(self) -> None:
        if "meter" in self.__dict__:
            self.meter.close()
        if "warehouse" in self.__dict__:
            self.warehouse.close()


@dataclass(frozen=True)
class Run:
    """One run of a pipeline for one session of one signal.

    `tell` receives a line for the person watching.
    """

    session: date
    signal: Signal
    config: Config
    ports: Ports
    tell: Callable[[str], None] = logger.info

    @property
    def universe(self) -> Universe:
        return self.signal.universe

    @property
    def calendar(self) -> TradingCalendar:
        return self.config.calendar_of(self.universe.target)

    def gate_key(self, gate: str) -> str:
        """Return the key under which the verdicts of `gate` on this session are kept."""
        return gate_key(gate, self.session, self.config.source, self.universe.name)

    def key_of(self, kind: AlertKind) -> str:
        """Return the key of an alert of `kind` on this run's signal, or on its universe."""
        return kind.key(signal=self.signal.name, universe=self.universe.name)

    @property
    def target(self) -> Target:
        """What is asked of the future."""
        return find_target(self.signal.target)

    def alert_key(self, pipeline: str) -> str:
        """Return the key under which a failed task of `pipeline` is raised and closed again."""
        from factorprism.alerts.catalogue import TASK

        return TASK.key(pipeline=pipeline, signal=self.signal.name)

    def raise_alert(self, key: str, sentence: str, severity: str = CRITICAL) -> None:
        """Raise an alert of this session; the message of an open `key` is sent once.

        The catalogue of `factorprism.alerts` says by `key` who is notified and when. A message that
        cannot be delivered is sent again later, and never fails the run.
        """
        alert = Alert(key=key, severity=severity, sentence=sentence, session=self.session)
        if self.ports.warehouse.alerts.raise_alert(alert):
            logger.warning("alert %s: %s", key, sentence)
        self.ports.delivery.tell()

    def record_event(self, key: str, sentence: str) -> None:
        """Report once, under `key`, something that happened and does not last."""
        alert = Alert(key=key, severity=INFO, sentence=sentence, session=self.session)
        if self.ports.warehouse.alerts.record_event(alert):
            logger.info("event %s: %s", key, sentence)
            self.ports.delivery.tell()

    def resolve_alert(self, key: str, sentence: str, through: date | None = None) -> None:
        """Close the alert of `key`, if it is open for no later session, and report its end.

        `through` is the last session that is known to be well, by default the run's. A run of a
        range that ends before its own session gives that end.
        """
        known = min(through or self.session, self.session)
        if self.ports.warehouse.alerts.resolve_alert(key, sentence, through=known):
            logger.info("alert %s is over: %s", key, sentence)
            self.ports.delivery.tell()


def gate_key(gate: str, session: date, source: str, universe: str) -> str:
    """Return the key under which the verdicts of a gate are kept: one a session and universe."""
    return f"{gate} {session} {source} {universe}"


Step = Callable[[Run, Mapping[str, Any]], StepContext]


@contextmanager
def open_ports(config: Config) -> Iterator[Ports]:
    """Give the ports of `config` for the length of the block.

    The process learns on the way which days the warehouse knows beyond the library's calendar.
    """
    ports = Ports(config)
    try:
        learn_days(config, ports)
        yield ports
    finally:
        ports.close()


def learn_days(config: Config, ports: Ports) -> None:
    """Teach this process the days that the warehouse knows: published ones, and those with bars."""
    try:
        universes = [signal.universe for signal in list_issued_signals(config)]
        exchanges = {exchange_of(one) for universe in universes for one in universe.channels}
        teach_held_days(ports.warehouse.calendar, exchanges)
    except FactorPrismError as error:
        # A new warehouse has no such table yet; of one that is down, whoever needs it will say so.
        logger.debug("no days beyond the library's calendar: %s", error.message)
