"""When the data of a replay have ended: what was raised of sessions that never come is closed."""

from __future__ import annotations

import logging

from factorprism.core.alerts import Alert
from factorprism.core.calendar import exchange_of
from factorprism.core.config import Config
from factorprism.core.errors import FactorPrismError
from factorprism.core.signals import Signal
from factorprism.pipelines._run import Ports
from factorprism.sources import find_final_session

logger = logging.getLogger("factorprism.pipelines")


def close_after_end(config: Config, signal: Signal, ports: Ports) -> list[str]:
    """Close the alerts of sessions after the end of a replay, and return their keys.

    No run of such a session is due, so that none would ever close them: earlier versions planned
    them. Nothing is closed where more data are to come, and what is of another universe or of the
    whole house stays open.
    """
    try:
        final = find_final_session(config, signal.symbol)
    except FactorPrismError:
        return []  # reported by whatever asks the source for something
    if final is None:
        return []
    alerts = ports.warehouse.alerts
    sentence = f"the {config.source} data end at {final}: no run of a later session is due"
    closed = [
        alert.key
        for alert in alerts.list_open_alerts()
        if _is_of(alert, signal)
        and alert.session is not None
        and alert.session > final
        and alerts.resolve_alert(alert.key, sentence)
    ]
    for key in closed:
        logger.info("alert %s is over: %s", key, sentence)
    if closed:
        ports.delivery.tell()
    return closed


def _is_of(alert: Alert, signal: Signal) -> bool:
    """Tell whether the key names the signal, its universe or its exchange."""
    own = {signal.name, signal.universe.name, exchange_of(signal.symbol)}
    return bool(own & set(alert.key.split()))
