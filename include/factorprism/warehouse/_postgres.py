"""The warehouse on PostgreSQL: every store behind one pool of connections."""

from __future__ import annotations

from contextlib import AbstractContextManager

from factorprism.warehouse._alerts import AlertRepository
from factorprism.warehouse._bars import BarRepository
from factorprism.warehouse._calendar import CalendarRepository
from factorprism.warehouse._connection import Database
from factorprism.warehouse._contest import ContestRepository
from factorprism.warehouse._explanations import ExplanationRepository
from factorprism.warehouse._factors import FactorRepository
from factorprism.warehouse._findings import FindingRepository
from factorprism.warehouse._fingerprint import combine_fingerprints, compute_fingerprints
from factorprism.warehouse._forecasts import ForecastRepository
from factorprism.warehouse._housekeeping import HousekeepingRepository
from factorprism.warehouse._migrate import is_current, migrate
from factorprism.warehouse._models import ModelRepository
from factorprism.warehouse._pulls import PullRepository
from factorprism.warehouse._quality import QualityRepository
from factorprism.warehouse._version import read_version


class PostgresWarehouse:
    """`Warehouse` in the schema ``prism`` of the PostgreSQL (14 or newer) behind `url`.

    Nothing is opened before the first call. Every method is one transaction, may be repeated, and
    may run in any number of processes at once. Raises `WarehouseError` when the server cannot be
    reached or refuses, `ConfigurationError` for a URL that is not PostgreSQL's.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.pulls = PullRepository(self._database)
        self.bars = BarRepository(self._database)
        self.factors = FactorRepository(self._database)
        self.quality = QualityRepository(self._database)
        self.findings = FindingRepository(self._database)
        self.models = ModelRepository(self._database)
        self.forecasts = ForecastRepository(self._database)
        self.contests = ContestRepository(self._database)
        self.explanations = ExplanationRepository(self._database)
        self.calendar = CalendarRepository(self._database)
        self.housekeeping = HousekeepingRepository(self._database)
        self.alerts = AlertRepository(self._database)

    def migrate(self) -> None:
        """Bring the schema to the newest version; a second call does nothing."""
        migrate(self._database)

    def is_current(self) -> bool:
        """Tell whether the schema is the newest version; changes nothing."""
        return is_current(self._database)

    def read_version(self) -> str:
        """Return a text that changes whenever a table changes that a page may show."""
        return read_version(self._database)

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold `name` against every other process for the length of the block.

        Waits for whoever holds it. Not to be nested for one name: the inner block would wait for
        the outer one. The server lets go when the process dies.
        """
        return self._database.hold(name)

    def fingerprint(self) -> str:
        """Return one SHA-256 (hex) over the content of all tables, wall-clock columns aside."""
        return combine_fingerprints(self.fingerprints())

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 (hex) of each table's content, wall-clock columns aside."""
        return compute_fingerprints(self._database)

    def close(self) -> None:
        """Close all connections; the next call would open new ones."""
        self._database.close()
