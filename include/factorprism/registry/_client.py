"""Opens MLflow quietly, brings its tables up to date, and turns its faults into one sentence."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from factorprism.core.errors import ArtefactError, ServiceError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by MLflow when it is imported: no reports home, no log handlers of its own, and no
# connection kept open between calls, since a process may fork or end at any moment.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}
CONNECT_ATTEMPTS = 3
OUTDATED = "out-of-date database schema"


def open_client(tracking_url: str) -> MlflowClient:
    """Return a client of the tracking store and registry at `tracking_url`.

    An empty database gets MLflow's tables; those of an older MLflow are migrated. Call it under
    `hold_lock`: two migrations of one database at once would collide. Raises `ArtefactError`.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    tracking_url = _name_driver(tracking_url)
    with explain("the model registry cannot be opened"), _quiet("mlflow", "alembic"):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        if not tracking_url.startswith(("http:", "https:")):
            import mlflow.store.db.utils as database

            # Its own ten attempts keep a person waiting for 100 seconds.
            database.MAX_RETRY_COUNT = CONNECT_ATTEMPTS
        try:
            return _connect(MlflowClient(tracking_url, tracking_url))
        except MlflowException as exc:
            if OUTDATED not in str(exc):
                raise
            database._upgrade_db(database.create_sqlalchemy_engine_with_retry(tracking_url))
        return _connect(MlflowClient(tracking_url, tracking_url))


def _name_driver(tracking_url: str) -> str:
    """Return the URL with the driver that is installed: SQLAlchemy's own choice is another."""
    scheme, mark, rest = tracking_url.partition("://")
    return f"postgresql+psycopg2://{rest}" if mark and scheme == "postgresql" else tracking_url


@contextmanager
def explain(what: str) -> Iterator[None]:
    """Raise whatever the store's libraries raise in the block as an `ArtefactError`."""
    try:
        yield
    except (ArtefactError, ServiceError):
        raise
    except (ImportError, MemoryError):
        raise
    except Exception as exc:
        # MLflow hands on the errors of its database driver, which is none of this room's imports.
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise ArtefactError(
            f"{what}: {reason}",
            remedy="See whether the database is up: factorprism services status.",
        ) from exc


def _connect(client: MlflowClient) -> MlflowClient:
    # The stores are opened lazily; this touches both.
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)
    return client


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
