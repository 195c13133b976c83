"""The warehouse on PostgreSQL: every store behind one pool of connections."""

from __future__ import annotations

from contextlib import AbstractContextManager

from factorprism.core.roles import Login
from factorprism.warehouse.alerts import AlertRepository
from factorprism.warehouse.bars import BarRepository
from factorprism.warehouse.calendar import CalendarRepository
from factorprism.warehouse.contests import ContestRepository
from factorprism.warehouse.db.connection import Database, DryDatabase, ReadOnlyDatabase
from factorprism.warehouse.db.fingerprint import combine_fingerprints, compute_fingerprints
from factorprism.warehouse.db.migrate import is_current, migrate
from factorprism.warehouse.db.roles import read_login
from factorprism.warehouse.db.version import read_version
from factorprism.warehouse.explanations import ExplanationRepository
from factorprism.warehouse.factors import FactorRepository
from factorprism.warehouse.findings import FindingRepository
from factorprism.warehouse.forecasts import ForecastRepository
from factorprism.warehouse.housekeeping import HousekeepingRepository
from factorprism.warehouse.models import ModelRepository
from factorprism.warehouse.pulls import PullRepository
from factorprism.warehouse.quality import QualityRepository


class PostgresWarehouse:
    """Every table family in the schema ``prism`` of the PostgreSQL (14 or newer) behind `url`.

    Nothing is opened before the first call. Every method is one transaction, may be repeated, and
    may run in any number of processes at once. Where it is `dry`, nothing that is written stays;
    where it is `read_only`, the server refuses to write. Raises `WarehouseError` when the server
    cannot be reached or refuses, `ConfigurationError` for a URL that is not PostgreSQL's.
    """

    def __init__(self, url: str, *, dry: bool = False, read_only: bool = False) -> None:
        kind = DryDatabase if dry else ReadOnlyDatabase if read_only else Database
        self._database = kind(url)
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
        """Bring the schema to the newest version; a second call does nothing.

        The roles get their rights with it. Asks for the login that owns the schema.
        """
        migrate(self._database)

    def is_current(self) -> bool:
        """Tell whether the schema is the newest version; changes nothing."""
        return is_current(self._database)

    def read_login(self) -> Login:
        """Return who this warehouse is connected as, and what that login could do."""
        with self._database.begin() as connection:
            return read_login(connection)

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
