"""The evening's run: from the source to a row in the ledger, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from factorprism.alerts import catalogue, read_fault
from factorprism.core.errors import QualityError
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.words import count
from factorprism.forecasts import predict_window, settle_forecasts
from factorprism.health.patience import due_at
from factorprism.market.bars import hash_bars
from factorprism.pipelines._forecast_rows import from_json, to_json
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines._windows import load_window, load_window_bars
from factorprism.pipelines.bars import resolve_source
from factorprism.pipelines.champions import champion_at, load_verified
from factorprism.pipelines.history import load_closes
from factorprism.quality import render_data_docs

NO_MODEL = "none"
GATES = ("bars", "factors")


def build_image(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Encode the session's window, and refuse it when a cell is missing."""
    window = load_window(run)
    missing = window.missing_cells
    if missing:
        named = ", ".join(f"{name} ({cells})" for name, cells in list(missing.items())[:3])
        raise QualityError(
            f"missing cells in the window of {run.session}: {sum(missing.values())} in "
            f"{len(missing)} factors, among them {named}",
            remedy="Load an earlier start of the history, or wait for the source to fill the gap.",
        )
    run.tell(f"image: {' x '.join(str(size) for size in window.values.shape)}")
    return {"factor_hash": window.factor_hash}


def forecast(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Let the champion read the session's window, and hand its row on."""
    champion = champion_at(run, run.session)
    if champion is None:
        raise QualityError(
            f"no champion in force at {run.session} for {run.signal.name}",
            remedy=f"Train one: factorprism train --signal {run.signal.name}.",
        )
    record, bundle = load_verified(run, champion)
    window = load_window(run)
    if window.factor_hash != context.get("factor_hash", window.factor_hash):
        raise QualityError(
            f"the factors of {run.session} changed between two steps of this run",
            remedy="Run this session again.",
        )
    horizon_end = run.calendar.offset(run.session, run.signal.horizon)
    row = predict_window(
        window,
        bundle,
        record,
        horizon_end=horizon_end,
        horizon_end_expected=run.calendar.is_expected(horizon_end),
        data_hash=hash_bars(load_window_bars(run, window)),
        closes=load_closes(run),
    )
    values = ", ".join(f"{name} {value:.3f}" for name, value in row.values[row.symbol].items())
    run.tell(f"forecast: {values} by {champion}")
    return {"forecast": to_json(row)}


def publish(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Append the forecast to the ledger, unless the model has issued one of the session before."""
    due = due_at(run.config, run.universe, run.session)
    row = replace(from_json(context["forecast"]), due_at=due)
    appended = run.ports.warehouse.forecasts.append(row)
    sentence = f"{run.signal.name}: a forecast of {row.session} is issued again"
    for kind in (*catalogue.EVENING, catalogue.DEADLINE):
        run.resolve_alert(run.key_of(kind), sentence)
    run.tell("ledger: one row appended" if appended else "ledger: the row was there already")
    return {"appended": appended}


def settle(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Write the outcomes of all forecasts of the signal whose horizon has passed.

    It has passed when `horizon` sessions have, whichever day that was expected to be.
    """
    target = run.signal.symbol
    ledger = run.ports.warehouse.forecasts
    unsettled = ledger.load_unsettled(run.signal.name, run.session)
    if not unsettled:
        return {"settled": 0}
    first = min(row.session for row in unsettled)
    bars = run.ports.warehouse.bars.load_bars([target], first, run.session)
    closes = dict(zip(bars["session"].dt.date, bars["close"], strict=True))
    outcomes = settle_forecasts(unsettled, run.target, closes, run.calendar, run.session)
    settled = ledger.save_outcomes(outcomes)
    run.tell(f"outcomes: {count(settled, 'forecast')} settled")
    return {"settled": settled}


def report(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Render the data docs of this run's gates and say where everything is."""
    page = render_gates(run, context.get("gate_run_keys", []))
    run.tell(f"data docs: {page}")
    run.resolve_alert(run.alert_key("daily"), "the daily run has ended well again")
    return {"data_docs": str(page)}


def render_gates(run: Run, run_keys: list[str]) -> Path:
    """Write the data docs of `run_keys` and return the index page."""
    results = {key: run.ports.warehouse.quality.load_results(key) for key in run_keys}
    return render_data_docs(results, run.config.docs_folder)


def withhold(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Write a withheld row with ``reason`` of `context` to the ledger, and raise the alert.

    It is raised as the kind of ``fault``, by the word of `classify_fault`.
    """
    reason = str(context["reason"])
    universe = run.universe
    horizon_end = run.calendar.offset(run.session, run.signal.horizon)
    row = Forecast(
        signal=run.signal.name,
        session=run.session,
        target=run.signal.target,
        symbol=universe.target,
        horizon=run.signal.horizon,
        horizon_end=horizon_end,
        horizon_end_expected=run.calendar.is_expected(horizon_end),
        model_id=champion_at(run, run.session) or NO_MODEL,
        state=ForecastState.WITHHELD,
        reason=reason,
        universe=universe.name,
        due_at=due_at(run.config, run.universe, run.session),
    )
    appended = run.ports.warehouse.forecasts.append(row)
    sentence = f"{run.signal.name}: forecast withheld: {reason}"
    raise_evening(run, str(context.get("fault", "")), sentence)
    keys = map(run.gate_key, GATES)
    page = render_gates(run, [key for key in keys if run.ports.warehouse.quality.load_results(key)])
    run.tell(f"withheld: {reason}")
    return {"forecast": to_json(row), "appended": appended, "data_docs": str(page)}


def raise_evening(run: Run, fault: str, sentence: str) -> None:
    """Raise the alert of an evening without a forecast, as the kind that `fault` names.

    Data that came, though not fit for use, are proof that the source answers again.
    """
    kind = read_fault(fault)
    if kind is catalogue.DATA:
        sentence_of_end = f"the source {run.ports.source.name} answers again"
        resolve_source(run, (catalogue.SOURCE, catalogue.QUOTA), sentence_of_end, run.session)
    run.raise_alert(run.key_of(kind), sentence)
