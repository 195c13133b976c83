"""The look around after each evening: what no step notices by failing, and what is still untold.

Runs whatever became of the run, fails none, and loads no network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from factorprism.core.errors import FactorPrismError
from factorprism.pipelines._looks import LOOKS, Look
from factorprism.pipelines._run import Refs, Run
from factorprism.pipelines.gauges import measure_gauges

logger = logging.getLogger("factorprism.pipelines")


def watch(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Raise and close what the looks find, measure how the system stands, and tell what is untold.

    Nothing is looked at for a session before the ledger's newest: it says nothing of today.
    """
    newest: list[bool] = []
    _guard("the ledger", lambda: newest.append(_is_newest(run)))
    for look in LOOKS if newest == [True] else ():
        _guard(look.__name__, partial(_judge, run, look))
    if newest == [True]:
        _guard("the metrics", partial(measure_gauges, run))
    _guard("the messages", lambda: _tell(run))
    return {}


def _guard(what: str, work: Callable[[], object]) -> None:
    """Do `work`; a fault of it is only logged, since the other looks must not wait for it."""
    try:
        work()
    except FactorPrismError as error:
        logger.warning("watch, %s: %s", what, error.message)
    except Exception:
        logger.exception("watch, %s: failed", what)


def _is_newest(run: Run) -> bool:
    later = run.session + timedelta(days=1)
    return not run.ports.warehouse.forecasts.load_forecasts(run.signal.name, first=later)


def _judge(run: Run, look: Look) -> None:
    for finding in look(run):
        if not finding.lasts:
            run.record_event(finding.key, finding.sentence)
        elif finding.fault:
            run.raise_alert(finding.key, finding.sentence, severity=finding.severity)
        else:
            run.resolve_alert(finding.key, finding.sentence)


def _tell(run: Run) -> None:
    run.ports.delivery.tell()
    heads = run.ports.warehouse.forecasts.list_heads()
    run.ports.delivery.tell_digest(run.signal.name, run.session, heads)
