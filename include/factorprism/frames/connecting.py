"""Opens the warehouse for a notebook: the settings as everywhere, the login that only reads."""

from __future__ import annotations

import os
from pathlib import Path

from factorprism.core.config import PREFIX, Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.roles import READER, WRITER
from factorprism.frames.connection import Connection
from factorprism.services import EmbeddedPostgres
from factorprism.views import House

_URL = f"{PREFIX}WAREHOUSE_URL"
_OTHER_LOGINS = (f"{PREFIX}WAREHOUSE_OWNER_URL", f"{PREFIX}WAREHOUSE_READER_URL")


def connect(url: str | None = None, home: str | os.PathLike[str] | None = None) -> Connection:
    """Open the warehouse for reading, and return what answers questions about it.

    The settings are those of the environment, as for every command; nothing is started, and
    nothing is ever written. The login is ``FACTORPRISM_WAREHOUSE_READER_URL`` where it is set, in
    the embedded PostgreSQL `prism_reader`. Whatever the login may do, all transactions are read
    only.

    Parameters
    ----------
    url
        A PostgreSQL URL in place of the settings' own.
    home
        The folder whose embedded PostgreSQL, ``universes.toml`` and ``signals.toml`` count, in
        place of ``FACTORPRISM_HOME``.

    Raises
    ------
    ConfigurationError
        For a setting that cannot be used, and where no warehouse is named or runs.
    WarehouseError
        Where the warehouse cannot be reached, or its tables are of an older version.
    """
    house = House(name_warehouse(load_config(_read_environment(url, home))))
    # Asked at once, so that what is amiss is said here; teaches the days that the warehouse knows.
    house.read_version()
    return Connection(house)


def _read_environment(url: str | None, home: str | os.PathLike[str] | None) -> dict[str, str]:
    environ = dict(os.environ)
    if home is not None:
        environ[f"{PREFIX}HOME"] = os.fspath(home)
    if url is not None:
        environ[_URL] = url
        for name in _OTHER_LOGINS:
            environ.pop(name, None)
    return environ


def name_warehouse(config: Config) -> Config:
    """Return `config` with the embedded server's URLs where it names no warehouse.

    Raises `ConfigurationError` where that does not run, or was never made.
    """
    if config.warehouse_url:
        return config
    server = EmbeddedPostgres(config.home)
    if not server.exists():
        raise _absent(config.home)
    if not server.is_running():
        raise ConfigurationError(
            f"the warehouse in {config.home} does not run",
            remedy="Start it: factorprism services start --only-warehouse.",
        )
    return config.with_changes(
        warehouse_url=server.url(role=WRITER), warehouse_reader_url=server.url(role=READER)
    )


def _absent(home: Path) -> ConfigurationError:
    return ConfigurationError(
        f"no warehouse is named, and there is none in {home}",
        remedy="Name one by connect(url) or FACTORPRISM_WAREHOUSE_URL, or the home of one by "
        "connect(home=...); a new one begins with: factorprism run.",
    )
