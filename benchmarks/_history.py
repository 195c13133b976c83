"""Ten years of a warehouse without training anything: what the pages are tried on and timed with.

Returns and forecasts are drawn from one seed; the forecasts have a little skill.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from _reasons import draw_explanation
from sqlalchemy import insert

from factorprism.core.calendar import calendar_of
from factorprism.core.contest import ContestReport, FoldForecasts
from factorprism.core.schemas import (
    Alert,
    Evaluation,
    Forecast,
    ForecastState,
    ModelRecord,
    Outcome,
    Promotion,
    Training,
)
from factorprism.factors import CATALOGUE, Normaliser
from factorprism.forecasts import encode_window
from factorprism.pipelines import load_recent_images, run_pipeline
from factorprism.warehouse.forecasts import _to_row, _to_value_rows
from factorprism.warehouse.tables import direction_forecasts, forecasts

HORIZON = 14
ENTRANTS = ("base_rate", "climatology_momentum", "logistic", "inception")
FOLD_SESSIONS = 250
WITHHELD_EVERY = 97
BARS_FROM = date(2014, 1, 2)
SCALE_SESSIONS, EXPLAINED = 400, 40


@dataclass(frozen=True)
class Line:
    """One simulated line: its sessions and, for each, forecast and return over the horizon."""

    universe: str
    target: str
    model_id: str
    sessions: npt.NDArray[np.datetime64]
    ends: npt.NDArray[np.datetime64]
    p_up: npt.NDArray[np.float64]
    base_rate: npt.NDArray[np.float64]
    forward_return: npt.NDArray[np.float64]

    @property
    def signal(self) -> str:
        return f"{self.universe}-direction-{HORIZON}"

    @property
    def went_up(self) -> npt.NDArray[np.int8]:
        return (self.forward_return > 0).astype(np.int8)


def simulate_line(universe: str, target: str, last: date, n_sessions: int, seed: int) -> Line:
    """Return `n_sessions` sessions up to `last` of a forecaster with a little skill."""
    calendar = calendar_of(target)
    days = calendar.sessions(calendar.first, calendar.last)
    end = int(np.searchsorted(days, np.datetime64(last, "D"), side="right"))
    rows = slice(end - n_sessions, end)
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0002, 0.012, n_sessions + HORIZON)
    path = np.concatenate([[0.0], np.cumsum(steps)])
    forward = np.exp(path[HORIZON : HORIZON + n_sessions] - path[:n_sessions]) - 1.0
    wander = np.zeros(n_sessions)
    for place in range(1, n_sessions):
        wander[place] = 0.95 * wander[place - 1] + rng.normal(0.0, 0.06)
    logits = 0.12 + wander + 1.2 * forward
    return Line(
        universe,
        target,
        f"{universe}-14-{hashlib.sha256(universe.encode()).hexdigest()[:12]}",
        days[rows],
        days[end - n_sessions + HORIZON : end + HORIZON],
        np.round(1.0 / (1.0 + np.exp(-logits)), 6),
        np.round(0.53 + 0.02 * np.sin(np.arange(n_sessions) / 400.0), 4),
        forward,
    )


def write_line(warehouse: Any, line: Line) -> None:
    """Write model, title, contest, forecasts and outcomes of `line`."""
    _write_model(warehouse, line)
    _write_contest(warehouse, line)
    rows, outcomes = [], []
    for place, day in enumerate(line.sessions.astype(date)):
        if place % WITHHELD_EVERY == WITHHELD_EVERY - 1:
            rows.append(_withheld(line, place, day))
            continue
        rows.append(_issued(line, place, day))
        if line.ends[place] <= line.sessions[-1]:
            value = float(line.forward_return[place])
            outcomes.append(
                Outcome(
                    line.signal,
                    day,
                    line.model_id,
                    line.target,
                    value=float(value > 0),
                    forward_return=value,
                    horizon_end=line.ends[place].astype(date),
                )
            )
    _append_all(warehouse, rows)
    warehouse.forecasts.save_outcomes(outcomes)


def write_bars(run: Any, line: Line) -> None:
    """Load the sample source's bars and factors through the line's last session.

    The model gets the scale of these factors, and the newest forecasts their reasons.
    """
    last = line.sessions[-1].astype(date)
    run_pipeline("backfill", run, {"first": BARS_FROM.isoformat(), "last": last.isoformat()})
    images = load_recent_images(run, SCALE_SESSIONS)
    warehouse, normaliser = run.ports.warehouse, Normaliser.fit(images.cube)
    warehouse.models.save_training(Training(line.model_id, (), normaliser.to_dict()))
    days = line.sessions[-EXPLAINED:].astype(date).tolist()
    for row in warehouse.forecasts.load_forecasts(line.signal, days[0]):
        window = encode_window(images, row.session)
        warehouse.explanations.save_explanation(draw_explanation(row, window))


def write_alert(warehouse: Any, line: Line) -> None:
    """Open one alert."""
    warehouse.alerts.raise_alert(
        Alert(
            f"drift {line.universe}-direction-14",
            "warning",
            f"{line.target}: 3 of 16 factors have drifted since the champion was trained.",
            line.sessions[-1].astype(date),
        )
    )


def _append_all(warehouse: Any, rows: Sequence[Forecast]) -> None:
    """Append thousands of rows in one transaction, which the ledger's own call does one by one."""
    values = [one | {"word": 1} for row in rows for one in _to_value_rows(row)]
    with warehouse._database.begin() as connection:
        connection.execute(insert(forecasts), [_to_row(row) for row in rows])
        connection.execute(insert(direction_forecasts), values)


def _issued(line: Line, place: int, day: date) -> Forecast:
    mark = hashlib.sha256(f"{line.universe} {day}".encode()).hexdigest()
    return Forecast(
        signal=line.signal,
        session=day,
        target="direction",
        symbol=line.target,
        horizon=HORIZON,
        horizon_end=line.ends[place].astype(date),
        model_id=line.model_id,
        state=ForecastState.ISSUED,
        values={
            line.target: {
                "p_up": float(line.p_up[place]),
                "p_up_raw": float(line.p_up[place]),
                "base_rate": float(line.base_rate[place]),
            }
        },
        universe=line.universe,
        data_hash=mark,
        factor_hash=mark,
        image_hash=mark,
    )


def _withheld(line: Line, place: int, day: date) -> Forecast:
    return Forecast(
        signal=line.signal,
        session=day,
        target="direction",
        symbol=line.target,
        horizon=HORIZON,
        horizon_end=line.ends[place].astype(date),
        model_id=line.model_id,
        state=ForecastState.WITHHELD,
        reason=f"stale data: the last bar of {line.target} is older than {day}",
        universe=line.universe,
    )


def _write_model(warehouse: Any, line: Line) -> None:
    first = line.sessions[0].astype(date)
    mark = hashlib.sha256(line.model_id.encode()).hexdigest()
    warehouse.models.save_model(
        ModelRecord(
            model_id=line.model_id,
            architecture="inception",
            signal=line.signal,
            target="direction",
            universe=line.universe,
            horizon=HORIZON,
            lookback=56,
            channels=(line.target,),
            factors=tuple(factor.name for factor in CATALOGUE),
            trained_from=date(2005, 1, 4),
            trained_through=first,
            n_samples=2200,
            bases={"base_rate": float(line.base_rate[0])},
            data_hash=mark,
            artefact_hash=mark,
            mode="retrain",
        )
    )
    figures = {"brier_skill": (0.011, -0.009, 0.032), "independent_windows": (71.0, 71.0, 71.0)}
    warehouse.models.save_evaluations(
        [
            Evaluation(
                line.model_id, "walk_forward", name, *values, 0.0, date(2010, 1, 4), first, 1000
            )
            for name, values in figures.items()
        ]
    )
    warehouse.models.append_promotion(
        Promotion(line.signal, first, line.model_id, line.model_id, "", True, "the first model")
    )


def _write_contest(warehouse: Any, line: Line) -> None:
    matured = len(line.sessions) - HORIZON
    rng = np.random.default_rng(len(line.universe))
    for entrant in ENTRANTS:
        noise = 0.0 if entrant == "base_rate" else 0.05
        for start in range(0, matured - FOLD_SESSIONS + 1, FOLD_SESSIONS):
            rows = slice(start, start + FOLD_SESSIONS)
            key = f"{line.universe} {entrant} {start}"
            base = line.base_rate[rows]
            drawn = rng.standard_normal(FOLD_SESSIONS)
            warehouse.contests.save_fold(
                FoldForecasts(
                    fold_key=hashlib.sha256(key.encode()).hexdigest(),
                    signal=line.signal,
                    entrant=entrant,
                    placebo="",
                    settings={},
                    sessions=line.sessions[rows],
                    columns={
                        "outcome.label": line.went_up[rows].astype(np.float64),
                        "outcome.forward_return": line.forward_return[rows],
                        "value.p_up": np.clip(base + noise * drawn, 0.01, 0.99),
                        "value.return_estimate": np.zeros(FOLD_SESSIONS),
                        "base.p_up": base,
                        "base.return_estimate": np.zeros(FOLD_SESSIONS),
                    },
                )
            )
    warehouse.contests.save_report(
        ContestReport(
            line.signal,
            line.sessions[-1 - HORIZON].astype(date),
            "0" * 64,
            f"No entrant of {line.universe} beats the base rate once the {len(ENTRANTS) - 1} "
            "trials are paid for.",
            _describe_contest(line),
        )
    )


def _describe_contest(line: Line) -> dict[str, object]:
    """Return the part of a report's content that the pages show."""
    n_folds = (len(line.sessions) - HORIZON) // FOLD_SESSIONS
    return {
        "first": str(line.sessions[0]),
        "last": str(line.sessions[-1 - HORIZON]),
        "n_sessions": n_folds * FOLD_SESSIONS,
        "independent_windows": n_folds * FOLD_SESSIONS // HORIZON,
        "n_folds": n_folds,
        "size": "quick",
        "leaks": [],
        "placebos": [],
        "accounts": [],
        "entrants": [
            {"entrant": name, "figures": {"log_loss": [0.69, 0.68, 0.7, 0.69]}} for name in ENTRANTS
        ],
        "trials": {
            "size": 0.05,
            "n_tried": len(ENTRANTS) - 1,
            "n_sessions": n_folds * FOLD_SESSIONS,
            "independent_windows": n_folds * FOLD_SESSIONS // HORIZON,
            "spa_p_value": 0.4,
            "base_in_confidence_set": True,
            "gains": [
                {
                    "name": name,
                    "value": -0.01 * place,
                    "lower": -0.01 * place - 0.02,
                    "upper": -0.01 * place + 0.02,
                    "superior": False,
                    "in_confidence_set": True,
                    "confidence_p_value": 1.0,
                }
                for place, name in enumerate(ENTRANTS[1:])
            ],
        },
    }
