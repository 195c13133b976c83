"""Where the data of the configured source end, if they do: nothing is planned after that."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from datetime import date

from session_runs import TUSHARE_CONNECTION

logger = logging.getLogger(__name__)

SECONDS_KEPT = 300.0

# The last answer, and when the question is to be asked again, by this process's own clock.
_kept: tuple[float, date | None] = (0.0, None)


def source_end(environ: Mapping[str, str]) -> date | None:
    """Return the last session that the source of `environ` will ever have; never raises.

    None where more are to come, and where it cannot be said: a run too many is skipped by its
    first task, a run too few would be missed by nobody. Asked again after some minutes.
    """
    global _kept
    now = time.monotonic()
    if now >= _kept[0]:
        _kept = (now + SECONDS_KEPT, _find_end(environ))
    return _kept[1]


def forget_end() -> None:
    """Look again at the next question."""
    global _kept
    _kept = (0.0, None)


def _find_end(environ: Mapping[str, str]) -> date | None:
    # Imported when a run is planned: parsing a DAG file must stay light.
    from factorprism.core.config import load_config
    from factorprism.core.errors import FactorPrismError
    from factorprism.sources import find_final_session

    try:
        end = find_final_session(load_config(environ))
    except FactorPrismError as error:
        logger.warning("%s The end of the source's data is not known.", error.message)
        return None
    named = environ.get("FACTORPRISM_SOURCE", "").strip()
    return None if end is not None and not named and _may_hold_token() else end


def _may_hold_token() -> bool:
    """Tell whether tasks may find the vendor's token in a connection, which changes the source.

    Read past Airflow's own session, which belongs to the scheduler's transaction.
    """
    from airflow import settings
    from airflow.configuration import conf
    from airflow.models.connection import Connection
    from sqlalchemy import select

    if f"AIRFLOW_CONN_{TUSHARE_CONNECTION.upper()}" in os.environ:
        return True
    if conf.get("secrets", "backend", fallback="") or settings.engine is None:
        return True
    wanted = select(Connection.conn_id).where(Connection.conn_id == TUSHARE_CONNECTION)
    try:
        with settings.engine.connect() as connection:
            return connection.execute(wanted).first() is not None
    except Exception:
        logger.exception("the connections could not be looked through")
        return True
