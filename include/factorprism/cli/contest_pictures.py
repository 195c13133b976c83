"""Draws how a model was trained, and what a contest came to."""

from __future__ import annotations

from pathlib import Path

from factorprism.cli.forecast_pictures import Asked
from factorprism.core.contest import ContestReport
from factorprism.reports import (
    render_equity,
    render_gains,
    render_reliability,
    render_training,
)
from factorprism.targets import find_target
from factorprism.views import NotHeld
from factorprism.views.contest import HeldContest, load_tabulated, read_contest
from factorprism.views.models import read_models


def draw_training(asked: Asked) -> Path:
    target = find_target(asked.signal.target)
    chosen = read_models(
        asked.ports.warehouse, asked.signal.name, target, model_id=asked.model
    ).chosen
    if chosen is None:
        raise NotHeld(
            f"no model of {asked.signal.name} is held",
            remedy=f"Train one: factorprism train --signal {asked.signal.name}",
        )
    record = chosen.row.model.record
    if chosen.training is None or not chosen.training.epochs:
        raise NotHeld(
            f"the training of {record.model_id} has left no curves",
            remedy=f"Name another: factorprism models list --signal {asked.signal.name}",
        )
    return render_training(
        chosen.training.epochs,
        title=f"Training of {record.model_id}",
        path=asked.path(record.trained_through, record.model_id),
    )


def draw_contest(asked: Asked) -> Path:
    report = load_tabulated(asked.ports.warehouse, asked.signal.name, asked.session)
    path = asked.path(report.as_of, _size_of(report))
    return render_gains(report, find_target(asked.signal.target), path)


def draw_backtest(asked: Asked) -> Path:
    contest = _read_contest(asked)
    rule, results = contest.trade()
    path = asked.path(contest.report.as_of, _size_of(contest.report))
    return render_equity(results, contest.best, rule, path)


def draw_reliability(asked: Asked) -> Path:
    contest = _read_contest(asked)
    entrant = contest.find_entrant(asked.model)
    y_prob, went_up = contest.read_probabilities(entrant)
    return render_reliability(
        contest.rows_of(entrant),
        y_prob,
        went_up,
        asked.signal.horizon,
        title=f"Reliability of {entrant}",
        path=asked.path(contest.report.as_of, entrant),
    )


def _read_contest(asked: Asked) -> HeldContest:
    return read_contest(asked.ports.warehouse, asked.config, asked.signal, asked.session)


def _size_of(report: ContestReport) -> str:
    """Return the size of the contest; reports of earlier releases do not say it."""
    return str(report.content.get("size", "full"))
