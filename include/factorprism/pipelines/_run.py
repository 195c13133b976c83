"""What every step of a pipeline is given: a session, the configuration and the open ports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from factorprism.core.calendar import TradingCalendar, calendar_of, exchange_of, extend_calendar
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, FactorPrismError
from factorprism.core.ports import AlertSink, BarSource, ModelRegistry, Warehouse
from factorprism.core.schemas import Alert

logger = logging.getLogger("factorprism.pipelines")

Refs = dict[str, Any]  # small JSON: names, ids, hashes and paths, never frames


class Ports:
    """The adapters of one run, each opened when it is first asked for.

    Opening lazily keeps a step that only reads the warehouse from importing the vendor's client
    or the model registry.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def warehouse(self) -> Warehouse:
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
    def alert_sink(self) -> AlertSink:
        from factorprism.alerts import build_sink

        return build_sink(self._config)

    def close(self) -> None:
        if "warehouse" in self.__dict__:
            self.warehouse.close()


@dataclass(frozen=True)
class Run:
    """One run of a pipeline for one session; `tell` receives a line for the person watching."""

    session: date
    config: Config
    ports: Ports
    tell: Callable[[str], None] = logger.info

    @property
    def calendar(self) -> TradingCalendar:
        return calendar_of(self.config.universe.target)

    def alert_key(self, pipeline: str) -> str:
        """Return the key under which a failure of `pipeline` is raised and closed again."""
        return f"{pipeline} {self.config.universe_name}"

    def raise_alert(self, key: str, sentence: str, severity: str = "critical") -> None:
        """Raise an alert of this session; the same open `key` is sent once."""
        alert = Alert(key=key, severity=severity, sentence=sentence, session=self.session)
        if self.ports.warehouse.alerts.raise_alert(alert):
            self.ports.alert_sink.send(alert)

    def resolve_alert(self, key: str, sentence: str) -> None:
        """Close the alert of `key`, if it is open, and say that its cause is gone."""
        if self.ports.warehouse.alerts.resolve_alert(key):
            alert = Alert(key=key, severity="info", sentence=sentence, session=self.session)
            self.ports.alert_sink.send(alert, recovered=True)


Step = Callable[[Run, Mapping[str, Any]], Refs]


@contextmanager
def open_ports(config: Config) -> Iterator[Ports]:
    """Give the ports of `config` for the length of the block.

    The process learns on the way which days the warehouse knows beyond the library's calendar.
    """
    ports = Ports(config)
    try:
        _learn_days(config, ports)
        yield ports
    finally:
        ports.close()


def _learn_days(config: Config, ports: Ports) -> None:
    try:
        for exchange in {exchange_of(symbol) for symbol in config.universe.channels}:
            extend_calendar(exchange, ports.warehouse.calendar.load_days(exchange))
    except FactorPrismError as error:
        # A warehouse that is new has no such table yet, and one that is down is refused in its
        # own words by whatever needs it.
        logger.debug("no days beyond the library's calendar: %s", error.message)
