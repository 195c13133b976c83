"""What the warehouse knows of an exchange's days beyond the library, for whoever plans runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

logger = logging.getLogger(__name__)

URL = "FACTORPRISM_WAREHOUSE_URL"
SECONDS_KEPT = 300.0
SECONDS_TO_RETRY = 60.0
QUERY_SECONDS = 3

# When each exchange's days are to be checked again, by this process's own clock.
_check_again_at: dict[str, float] = {}


def learn_days(exchange: str, environ: Mapping[str, str]) -> None:
    """Teach this process the days of `exchange` that the warehouse holds; never raises or waits.

    A query of at most `QUERY_SECONDS`, not repeated for some minutes. Without a warehouse, or
    while it is down, the process goes on with what it knows.
    """
    now = time.monotonic()
    if now < _check_again_at.get(exchange, 0.0):
        return
    url = environ.get(URL, "").strip()
    if not url:
        return
    # Imported when a run is planned: parsing a DAG file must stay light.
    from factorprism.core.calendar import extend_calendar
    from factorprism.core.errors import FactorPrismError
    from factorprism.warehouse import read_trading_days

    _check_again_at[exchange] = now + SECONDS_TO_RETRY
    try:
        answer = read_trading_days(url, exchange, timeout_seconds=QUERY_SECONDS)
    except FactorPrismError as error:
        logger.warning("%s The calendar stays as it is known.", error.message)
        return
    extend_calendar(exchange, answer.published, answer.traded)
    _check_again_at[exchange] = now + SECONDS_KEPT


def forget_days() -> None:
    """Check again at the next question."""
    _check_again_at.clear()
