"""Where the data of the configured source end, if they do: nothing is planned after that."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from datetime import date

from known_days import SECONDS_KEPT
from session_runs import TUSHARE_CONNECTION

logger = logging.getLogger(__name__)

# By symbol: when the question is to be asked again, by this process's own clock, and the answer.
_kept: dict[str, tuple[float, date | None]] = {}


def source_end(environ: Mapping[str, str], symbol: str) -> date | None:
    """Return the last session that the source of `environ` will ever have of `symbol`.

    Never raises. None where more are to come, and where it cannot be said: a run too many is
    skipped by its first task, a run too few would be missed by nobody. Asked again after minutes.
    """
    now = time.monotonic()
    ask_again_at, end = _kept.get(symbol, (0.0, None))
    if now >= ask_again_at:
        end = _find_end(environ, symbol)
        _kept[symbol] = (now + SECONDS_KEPT, end)
    return end


def forget_end() -> None:
    """Check again at the next question."""
    _kept.clear()


def _find_end(environ: Mapping[str, str], symbol: str) -> date | None:
    # Imported when a run is planned: parsing a DAG file must stay light.
    from factorprism.core.config import load_config
    from factorprism.core.errors import FactorPrismError
    from factorprism.sources import find_final_session

    try:
        end = find_final_session(load_config(environ), symbol)
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
