"""Ten years of a warehouse without training anything: what the pages are tried on and timed with.

Returns and forecasts are drawn from one seed; the forecasts have a little skill.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from _reasons import draw_explanation
from sqlalchemy import insert

from factorprism.core.alerts import Alert
from factorprism.core.calendar import calendar_of
from factorprism.core.contest import ContestReport, FoldForecasts
from factorprism.core.ledger import Forecast, ForecastState, Outcome
from factorprism.core.models import Evaluation, ModelRecord, Promotion, TrainingSummary
from factorprism.factors import CATALOGUE, Normaliser
from factorprism.forecasts import encode_window
from factorprism.pipelines import load_recent_images, run_pipeline
from factorprism.targets.direction import DIRECTION
from factorprism.targets.target import FORWARD_RETURN, LABEL, Known, Target
from factorprism.targets.volatility import VOLATILITY
from factorprism.warehouse.forecasts import _to_row, _to_value_rows
from factorprism.warehouse.tables import find_value_table, forecasts

HORIZON = 14
FOLD_SESSIONS = 250
WITHHELD_EVERY = 97
BARS_FROM = date(2014, 1, 2)
SCALE_SESSIONS, EXPLAINED = 400, 40


@dataclass(frozen=True)
class SimulatedLine:
    """One simulated signal: for each session what is issued, and what came of it."""

    universe: str
    symbol: str
    target: Target
    model_id: str
    sessions: npt.NDArray[np.datetime64]
    ends: npt.NDArray[np.datetime64]
    values: Mapping[str, npt.NDArray[np.float64]]  # as the ledger holds them
    outcomes: Mapping[str, npt.NDArray[np.float64]]

    @property
    def signal(self) -> str:
        return f"{self.universe}-{self.target.name}-{HORIZON}"


def simulate_line(
    universe: str, symbol: str, last: date, n_sessions: int, seed: int, target: Target = DIRECTION
) -> SimulatedLine:
    """Return `n_sessions` sessions up to `last` of a forecaster with a little skill."""
    calendar = calendar_of(symbol)
    days = calendar.sessions(calendar.first, calendar.last)
    end = int(np.searchsorted(days, np.datetime64(last, "D"), side="right"))
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0002, 0.012, n_sessions + HORIZON)
    closes = np.exp(np.concatenate([[0.0], np.cumsum(steps)]))[: n_sessions + HORIZON]
    outcomes = target.compute_outcomes(closes, HORIZON)
    outcomes = {name: column[:n_sessions] for name, column in outcomes.items()}
    wander = np.zeros(n_sessions)
    for index in range(1, n_sessions):
        wander[index] = 0.95 * wander[index - 1] + rng.normal(0.0, 0.06)
    draw = {DIRECTION.name: _draw_directions, VOLATILITY.name: _draw_volatilities}[target.name]
    signal = f"{universe}-{target.name}"
    return SimulatedLine(
        universe,
        symbol,
        target,
        f"{universe}-14-{hashlib.sha256(signal.encode()).hexdigest()[:12]}",
        days[end - n_sessions : end],
        days[end - n_sessions + HORIZON : end + HORIZON],
        draw(wander, closes[:n_sessions], outcomes),
        outcomes,
    )


Drawn = Mapping[str, npt.NDArray[np.float64]]


def _draw_directions(wander: npt.NDArray[np.float64], closes: Any, outcomes: Drawn) -> Drawn:
    p_up = 1.0 / (1.0 + np.exp(-(0.12 + wander + 1.2 * outcomes[FORWARD_RETURN])))
    indices = np.arange(len(closes))
    rounded = np.round(p_up, 6)
    base_rate = np.round(0.53 + 0.02 * np.sin(indices / 400.0), 4)
    return {"p_up": rounded, "p_up_raw": rounded, "base_rate": base_rate}


def _draw_volatilities(wander: npt.NDArray[np.float64], closes: Any, outcomes: Drawn) -> Drawn:
    known = Known(closes, outcomes, HORIZON, 56)
    rows = np.arange(len(closes))
    bases = VOLATILITY.fit_bases(known, rows[1:-HORIZON])
    reference = VOLATILITY.compute_reference(bases, known, rows)
    mean = reference["mean"] + 0.5 * wander
    spread = np.exp(0.5 * reference["log_variance"])
    sigma = np.exp(0.5 * (mean + 0.5 * spread**2))
    own = {"mean": mean, "log_variance": reference["log_variance"], "sigma": sigma}
    return VOLATILITY.issue(own, reference)


def write_line(warehouse: Any, line: SimulatedLine) -> None:
    """Write model, decision, contest, forecasts and outcomes of `line`."""
    _write_model(warehouse, line)
    _write_contest(warehouse, line)
    rows, outcomes = [], []
    for index, day in enumerate(line.sessions.astype(date)):
        if index % WITHHELD_EVERY == WITHHELD_EVERY - 1:
            rows.append(_withheld(line, index, day))
            continue
        rows.append(_issued(line, index, day))
        if line.ends[index] <= line.sessions[-1]:
            outcomes.append(
                Outcome(
                    line.signal,
                    day,
                    line.model_id,
                    line.symbol,
                    value=float(line.outcomes[LABEL][index]),
                    forward_return=float(line.outcomes[FORWARD_RETURN][index]),
                    horizon_end=line.ends[index].astype(date),
                )
            )
    _append_all(warehouse, rows)
    warehouse.forecasts.save_outcomes(outcomes)


def write_bars(run: Any, line: SimulatedLine) -> None:
    """Load the sample source's bars and factors through the line's last session.

    The model gets the scale of these factors, and the newest forecasts their reasons.
    """
    last = line.sessions[-1].astype(date)
    run_pipeline("backfill", run, {"first": BARS_FROM.isoformat(), "last": last.isoformat()})
    images = load_recent_images(run, SCALE_SESSIONS)
    warehouse, normaliser = run.ports.warehouse, Normaliser.fit(images.cube)
    warehouse.models.save_training(TrainingSummary(line.model_id, (), normaliser.to_dict()))
    days = line.sessions[-EXPLAINED:].astype(date).tolist()
    for row in warehouse.forecasts.load_forecasts(line.signal, days[0]):
        window = encode_window(images, row.session)
        warehouse.explanations.save_explanation(draw_explanation(row, window))


def write_alert(warehouse: Any, line: SimulatedLine) -> None:
    """Open one alert."""
    warehouse.alerts.raise_alert(
        Alert(
            f"drift {line.signal}",
            "warning",
            f"{line.symbol}: 3 of 16 factors have drifted since the champion was trained.",
            line.sessions[-1].astype(date),
        )
    )


def _append_all(warehouse: Any, rows: Sequence[Forecast]) -> None:
    """Append thousands of rows in one transaction, which the ledger's own call does one by one."""
    values = [one | {"word": 1} for row in rows for one in _to_value_rows(row)]
    with warehouse._database.begin() as connection:
        connection.execute(insert(forecasts), [_to_row(row) for row in rows])
        connection.execute(insert(find_value_table(rows[0].target)), values)


def _issued(line: SimulatedLine, index: int, day: date) -> Forecast:
    mark = hashlib.sha256(f"{line.signal} {day}".encode()).hexdigest()
    return Forecast(
        signal=line.signal,
        session=day,
        target=line.target.name,
        symbol=line.symbol,
        horizon=HORIZON,
        horizon_end=line.ends[index].astype(date),
        model_id=line.model_id,
        state=ForecastState.ISSUED,
        values={line.symbol: {name: float(column[index]) for name, column in line.values.items()}},
        universe=line.universe,
        data_hash=mark,
        factor_hash=mark,
        image_hash=mark,
    )


def _withheld(line: SimulatedLine, index: int, day: date) -> Forecast:
    return Forecast(
        signal=line.signal,
        session=day,
        target=line.target.name,
        symbol=line.symbol,
        horizon=HORIZON,
        horizon_end=line.ends[index].astype(date),
        model_id=line.model_id,
        state=ForecastState.WITHHELD,
        reason=f"stale data: the last bar of {line.symbol} is older than {day}",
        universe=line.universe,
    )


def _write_model(warehouse: Any, line: SimulatedLine) -> None:
    first = line.sessions[0].astype(date)
    mark = hashlib.sha256(line.model_id.encode()).hexdigest()
    warehouse.models.save_model(
        ModelRecord(
            model_id=line.model_id,
            architecture="inception",
            signal=line.signal,
            target=line.target.name,
            universe=line.universe,
            horizon=HORIZON,
            lookback=56,
            channels=(line.symbol,),
            factors=tuple(factor.name for factor in CATALOGUE),
            trained_from=date(2005, 1, 4),
            trained_through=first,
            n_samples=2200,
            bases=_find_bases(line),
            data_hash=mark,
            artefact_hash=mark,
            mode="retrain",
        )
    )
    figures = {
        line.target.decisive: (0.011, -0.009, 0.032),
        "independent_windows": (71.0, 71.0, 71.0),
    }
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


def _find_bases(line: SimulatedLine) -> dict[str, float]:
    """Return the base forecasts that the model's record has."""
    if line.target is DIRECTION:
        return {"base_rate": float(line.values["base_rate"][0])}
    return {f"{name}_log_variance": -1.0 for name in ("rolling_60", "ewma_94")}


def _write_contest(warehouse: Any, line: SimulatedLine) -> None:
    matured = len(line.sessions) - HORIZON
    entrants = _list_entrants(line)
    rng = np.random.default_rng(len(line.universe))
    _, reference = line.target.recall(line.values)
    for entrant in entrants:
        noise = 0.0 if entrant == line.target.reference else 0.05
        for start in range(0, matured - FOLD_SESSIONS + 1, FOLD_SESSIONS):
            rows = slice(start, start + FOLD_SESSIONS)
            key = f"{line.signal} {entrant} {start}"
            drawn = 1.0 + 2.0 * noise * rng.standard_normal(FOLD_SESSIONS)
            values = {
                name: np.clip(column[rows] * drawn, 1e-4, 0.99)
                for name, column in reference.items()
            }
            warehouse.contests.save_fold(
                FoldForecasts(
                    fold_key=hashlib.sha256(key.encode()).hexdigest(),
                    signal=line.signal,
                    entrant=entrant,
                    placebo="",
                    settings={},
                    sessions=line.sessions[rows],
                    columns={
                        **{
                            f"outcome.{name}": column[rows]
                            for name, column in line.outcomes.items()
                        },
                        **{f"value.{name}": column for name, column in values.items()},
                        **{f"base.{name}": column[rows] for name, column in reference.items()},
                        "value.return_estimate": np.zeros(FOLD_SESSIONS),
                        "base.return_estimate": np.zeros(FOLD_SESSIONS),
                    },
                )
            )
    warehouse.contests.save_report(
        ContestReport(
            line.signal,
            line.sessions[-1 - HORIZON].astype(date),
            "0" * 64,
            f"No entrant of {line.universe} beats the {line.target.words.reference} once adjusted "
            f"for {len(entrants) - 1} trials.",
            _describe_contest(line),
        )
    )


def _list_entrants(line: SimulatedLine) -> tuple[str, ...]:
    """Return the reference, one more baseline, the first that learns, and a network."""
    baselines = line.target.baselines
    learner = next(one.name for one in baselines if one.rule is None)
    return baselines[0].name, baselines[1].name, learner, "inception"


def _describe_contest(line: SimulatedLine) -> dict[str, object]:
    """Return the part of a report's content that the pages show."""
    n_folds = (len(line.sessions) - HORIZON) // FOLD_SESSIONS
    entrants = _list_entrants(line)
    return {
        "target": line.target.name,
        "first": str(line.sessions[0]),
        "last": str(line.sessions[-1 - HORIZON]),
        "n_sessions": n_folds * FOLD_SESSIONS,
        "independent_windows": n_folds * FOLD_SESSIONS // HORIZON,
        "n_folds": n_folds,
        "size": "quick",
        "leaks": [],
        "placebos": [],
        "backtests": [],
        "entrants": [
            {"entrant": name, "figures": {line.target.loss: [0.69, 0.68, 0.7, 0.69]}}
            for name in entrants
        ],
        "trials": {
            "size": 0.05,
            "n_tried": len(entrants) - 1,
            "n_sessions": n_folds * FOLD_SESSIONS,
            "independent_windows": n_folds * FOLD_SESSIONS // HORIZON,
            "spa_p_value": 0.4,
            "base_in_confidence_set": True,
            "gains": [
                {
                    "name": name,
                    "value": -0.01 * index,
                    "lower": -0.01 * index - 0.02,
                    "upper": -0.01 * index + 0.02,
                    "superior": False,
                    "in_confidence_set": True,
                    "confidence_p_value": 1.0,
                }
                for index, name in enumerate(entrants[1:])
            ],
        },
    }
