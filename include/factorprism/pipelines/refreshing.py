"""How the week's candidate is trained: asked for, or decided by what became of the champion."""

from __future__ import annotations

from factorprism.core.errors import ConfigurationError
from factorprism.core.models import ModelRecord
from factorprism.evaluation.drift import Drift, measure_drift
from factorprism.evaluation.matured import (
    MaturedLoss,
    find_estimate,
    hold_out_issued,
    measure_matured_loss,
)
from factorprism.learning import TrainingSet
from factorprism.learning.recipe import forecast_rows
from factorprism.learning.samples import HeldOut
from factorprism.pipelines._run import Run
from factorprism.pipelines.champions import champion_at, load_verified
from factorprism.selection.refreshing import decide_mode

MODES = ("auto", "fine_tune", "retrain")


def choose_mode(run: Run, mode: str, training_set: TrainingSet) -> tuple[str, str | None, str]:
    """Return how to train, the champion to start from (fine-tuning only), and why.

    `training_set` is the one of the run's session: drift and matured loss read nothing later.
    """
    if mode not in MODES:
        raise ConfigurationError(f"mode {mode!r} is unknown", remedy=f"Use {', '.join(MODES)}.")
    champion = champion_at(run, run.session)
    if champion is None:
        return "retrain", None, "since there is no champion yet"
    if mode == "auto":
        mode, why = _decide(run, champion, training_set)
    else:
        why = "as asked"
    return mode, champion if mode == "fine_tune" else None, why


def measure_champion_drift(record: ModelRecord, training_set: TrainingSet) -> Drift:
    """Return how far the latest sessions lie from those that the model of `record` learned from."""
    last = record.last_training_session
    return measure_drift(training_set.image_set, record.trained_from, last)


def measure_champion_loss(run: Run, record: ModelRecord, training_set: TrainingSet) -> MaturedLoss:
    """Return what became of the model's forecasts that matured by the run's session.

    The ledger speaks where it holds enough of them; else the model forecasts the sessions after
    its data, as it would have done.
    """
    target, held = run.target, run.ports.warehouse.models.load_evaluations(record.model_id)
    estimate = find_estimate(held, target)
    settings = {"horizon": record.horizon, "seed": run.config.seed}
    issued = _load_issued(run, record, training_set)
    matured = measure_matured_loss(issued, estimate, target, **settings)
    if matured.measured:
        return matured
    forecast = _forecast(run, record, training_set)
    return measure_matured_loss(forecast, estimate, target, **settings)


def _decide(run: Run, champion: str, training_set: TrainingSet) -> tuple[str, str]:
    record = run.ports.warehouse.models.load_model(champion)
    age = run.calendar.count_since(record.trained_through, run.session)
    allowed = run.config.champion_max_age_sessions
    misfit = _find_misfit(record, training_set)
    if misfit or age > allowed:
        # It is retrained in any case: there is no need to read it.
        return decide_mode(age, allowed, None, None, misfit=misfit)
    drift = measure_champion_drift(record, training_set)
    return decide_mode(age, allowed, drift, measure_champion_loss(run, record, training_set))


def _find_misfit(record: ModelRecord, training_set: TrainingSet) -> str:
    image_set = training_set.image_set
    found = {
        "channels": image_set.channels,
        "factors": image_set.factors,
        "lookback": image_set.lookback,
        "horizon": training_set.horizon,
    }
    differing = [name for name, value in found.items() if getattr(record, name) != value]
    return f"other {' and '.join(differing)}" if differing else ""


def _load_issued(run: Run, record: ModelRecord, training_set: TrainingSet) -> HeldOut:
    """Return the ledger's forecasts of the model whose horizon ended by the run's session."""
    outcomes = run.ports.warehouse.forecasts.load_outcomes(record.signal, record.target)
    days = training_set.image_set.sessions
    return hold_out_issued(outcomes, record.model_id, run.session, days, run.target)


def _forecast(run: Run, record: ModelRecord, training_set: TrainingSet) -> HeldOut:
    """Return what the model says of the sessions after its data, beside what came of them."""
    rows = training_set.rows_after(record.trained_through)
    _, bundle = load_verified(run, record.model_id)
    return forecast_rows(bundle, training_set, rows)
