"""Measures the state that the system is in: its forecasts, champion, calendar and alerts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time

from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.severity import SEVERITIES
from factorprism.core.signals import Signal
from factorprism.pipelines._run import Ports, Run
from factorprism.pipelines.champions import champion_at
from factorprism.sources import find_final_session

# Withheld sessions are counted among so many of the ledger's last.
RECENT_SESSIONS = 20


def measure_gauges(run: Run) -> None:
    """Record the gauges of `telemetry.catalogue` that describe a state rather than a step."""
    _measure_forecasts(run)
    _measure_champion(run)
    calendar = run.calendar
    left = calendar.count_ahead(run.session)
    run.ports.meter.record("prism.calendar.horizon", left, exchange=calendar.exchange)
    by_severity = Counter(alert.severity for alert in run.ports.warehouse.alerts.list_open_alerts())
    for severity in SEVERITIES:
        run.ports.meter.record("prism.alerts.open", by_severity[severity], severity=severity)
    # Last: it alone asks the source, which may refuse.
    measure_replay(run.config, run.signal, run.ports)


def measure_replay(config: Config, signal: Signal, ports: Ports) -> None:
    """Record whether the data of `signal` have an end, after which no evening is due."""
    is_replay = find_final_session(config, signal.symbol) is not None
    ports.meter.record("prism.source.replay", float(is_replay), signal=signal.name)


def _measure_forecasts(run: Run) -> None:
    first = run.calendar.offset(run.session, 1 - RECENT_SESSIONS)
    rows = [
        row
        for row in run.ports.warehouse.forecasts.load_forecasts(run.signal.name, first, run.session)
        # An expected session may have turned out to be a holiday.
        if run.calendar.is_session(row.session)
    ]
    named = {"signal": run.signal.name}
    for state in ForecastState:
        sessions = [row.session for row in rows if row.state is state]
        if sessions:
            moment = run.calendar.published_at(max(sessions)).replace(tzinfo=UTC).timestamp()
            run.ports.meter.record("prism.forecast.session", moment, state=state.value, **named)
    issued = {row.session: row for row in rows if row.state is ForecastState.ISSUED}
    withheld = {row.session for row in rows} - set(issued)
    run.ports.meter.record("prism.forecasts.withheld", len(withheld), **named)
    if issued:
        last: Forecast = issued[max(issued)]
        for name, value in last.values[last.symbol].items():
            run.ports.meter.record("prism.forecast.value", value, quantity=name, **named)


def _measure_champion(run: Run) -> None:
    champion, named = champion_at(run, run.session), {"signal": run.signal.name}
    if champion is None:
        return
    record = run.ports.warehouse.models.load_model(champion)
    midnight = datetime.combine(record.trained_through, time(0), UTC).timestamp()
    run.ports.meter.record("prism.model.trained_through", midnight, model=champion, **named)
    age = _sessions_since(run, record.trained_through)
    run.ports.meter.record("prism.model.age", age, **named)
    found = [
        item
        for item in run.ports.warehouse.models.load_evaluations(champion)
        if (item.kind, item.metric) == ("walk_forward", run.target.decisive)
    ]
    if found:
        latest = max(found, key=lambda item: item.last)
        for bound in ("value", "lower", "upper"):
            figure = float(getattr(latest, bound))
            run.ports.meter.record("prism.skill", figure, bound=bound, **named)


def _sessions_since(run: Run, day: date) -> int:
    return max(0, run.calendar.count_since(day, max(day, run.session)))
