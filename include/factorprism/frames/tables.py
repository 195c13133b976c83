"""Turns rows and reports of the warehouse into frames; docs/python.md says what each column means.

An index is sorted, sessions are ``datetime64[us]`` at midnight, moments ``datetime64[us, UTC]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.contest import ContestReport, Explanation, OutOfSampleForecasts
from factorprism.core.ledger import Forecast, ForecastLine
from factorprism.factors import CATALOGUE
from factorprism.forecasts.explain import Attribution, Shares
from factorprism.market.panels import FactorPanel
from factorprism.targets import find_target
from factorprism.warehouse import list_values

DAY, MOMENT, SPAN = "datetime64[us]", "datetime64[us, UTC]", "timedelta64[us]"
TEXT, NUMBER, COUNT, FLAG = "str", "float64", "int64", "bool"
KEY = ("symbol", "session")
_P_VALUE = "confidence_p_value"

SIGNAL = {
    "signal": TEXT,
    "target": TEXT,
    "universe": TEXT,
    "symbol": TEXT,
    "horizon": COUNT,
    "first": DAY,
    "last": DAY,
    "issued": COUNT,
    "withheld": COUNT,
    "retired": FLAG,
}
BEFORE_VALUES = {"symbol": TEXT, "session": DAY, "signal": TEXT, "state": TEXT}
AFTER_VALUES = {
    "reason": TEXT,
    "model_id": TEXT,
    "horizon": COUNT,
    "horizon_end": DAY,
    "horizon_end_expected": FLAG,
    "word": COUNT,
    "created_at": MOMENT,
    "late_by": SPAN,
    "data_hash": TEXT,
    "factor_hash": TEXT,
    "image_hash": TEXT,
    "row_hash": TEXT,
}
PART = {
    "session": DAY,
    "method": TEXT,
    "model_id": TEXT,
    "channel": TEXT,
    "group": TEXT,
    "factor": TEXT,
    "first": DAY,
    "last": DAY,
    "share": NUMBER,
    "agreement": NUMBER,
}
NEIGHBOUR = {
    "session": DAY,
    "neighbour": DAY,
    "model_id": TEXT,
    "distance": NUMBER,
    "threshold": NUMBER,
    "outcome_end": DAY,
    "forward_return": NUMBER,
}
FIGURE = {
    "entrant": TEXT,
    "metric": TEXT,
    "value": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "reference": NUMBER,
}
TRIAL = {
    "entrant": TEXT,
    "gain": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "superior": FLAG,
    "in_confidence_set": FLAG,
    "p_value": NUMBER,
}
RESULT = {
    "rule": TEXT,
    "entrant": TEXT,
    "sides": TEXT,
    "sizing": TEXT,
    "n_sessions": COUNT,
    "total_return": NUMBER,
    "annual_return": NUMBER,
    "annual_volatility": NUMBER,
    "sharpe": NUMBER,
    "sharpe_error": NUMBER,
    "psr": NUMBER,
    "max_drawdown": NUMBER,
    "turnover": NUMBER,
    "exposure": NUMBER,
    "cost_paid": NUMBER,
    "excess_return": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "deflated": NUMBER,
}


def tabulate(
    rows: Iterator[Mapping[str, Any]], kinds: Mapping[str, str], *index: str
) -> pd.DataFrame:
    """Return `rows` as a frame with the columns of `kinds`, of those types, indexed by `index`."""
    held = list(rows)
    columns = {name: [row.get(name) for row in held] for name in kinds}
    frame = pd.DataFrame(columns, dtype=object).astype(dict(kinds))
    return frame.set_index(list(index)) if index else frame


def tabulate_signals(lines: Sequence[ForecastLine], retired: frozenset[str]) -> pd.DataFrame:
    rows = ({**vars(line), "retired": line.signal in retired} for line in lines)
    return tabulate(rows, SIGNAL, "signal")


def tabulate_forecasts(rows: Sequence[Forecast], target: str) -> pd.DataFrame:
    """Return a row for each symbol of each word, the values of `target` by their names."""
    values = dict.fromkeys(list_values(target), NUMBER)
    kinds = BEFORE_VALUES | values | AFTER_VALUES
    return tabulate(_list_values(rows), kinds, *KEY).sort_index(kind="stable")


def _list_values(rows: Sequence[Forecast]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        known = vars(row) | {
            "state": row.state.value,
            "late_by": row.late_by if row.due_at else pd.NaT,
            "created_at": row.created_at and row.created_at.replace(tzinfo=UTC),
        }
        for symbol in row.values or (row.symbol,):
            yield {**known, "symbol": symbol, **row.values.get(symbol, {})}


def tabulate_outcomes(held: pd.DataFrame, target: str, first: date, last: date) -> pd.DataFrame:
    """Return those of `held` whose sessions lie from `first` to `last`, both included.

    ``observed`` is the label on the scale of the forecast that is shown first.
    """
    chosen = held[held["session"].between(pd.Timestamp(first), pd.Timestamp(last))]
    observed = find_target(target).observe(chosen["value"].to_numpy("float64"))
    chosen = chosen.assign(observed=observed)
    return chosen.set_index(list(KEY)).sort_index(kind="stable")


def tabulate_factors(panels: Sequence[FactorPanel]) -> pd.DataFrame:
    """Return the panels below one another, a column for each factor of the catalogue."""
    names = [factor.name for factor in CATALOGUE]
    frames = [
        pd.DataFrame(panel.values, columns=list(panel.factors)).assign(
            symbol=panel.symbol, session=panel.sessions.astype(DAY)
        )
        for panel in panels
        if len(panel.sessions)
    ]
    none = tabulate(iter(()), dict.fromkeys(names, "float32") | {"symbol": TEXT, "session": DAY})
    return pd.concat(frames or [none]).set_index(list(KEY))[names].sort_index()


def tabulate_walk_forward(out_of_sample: Mapping[str, OutOfSampleForecasts]) -> pd.DataFrame:
    """Return the out-of-sample forecasts of all entrants, a column for each that they have."""
    frames = [
        pd.DataFrame({"entrant": name, "session": held.sessions.astype(DAY), **held.columns})
        for name, held in out_of_sample.items()
    ]
    none = pd.DataFrame({"entrant": pd.Series(dtype=TEXT), "session": pd.Series(dtype=DAY)})
    return pd.concat(frames or [none]).set_index(["entrant", "session"]).sort_index()


def tabulate_explanations(explanations: Sequence[Explanation]) -> pd.DataFrame:
    """Return what each part of the image adds to the network's output, by every method kept."""
    rows = (row for one in explanations for row in _list_parts(one))
    return tabulate(rows, PART, "session", "method")


def _list_parts(explanation: Explanation) -> Iterator[Mapping[str, Any]]:
    stability: Any = explanation.stability
    for part in _list_shares(explanation):
        agreement = stability.get("agreement", {}).get(part["method"])
        yield {**part, **_key_of(explanation), "agreement": agreement}


def _key_of(explanation: Explanation) -> dict[str, Any]:
    return {"session": explanation.session, "model_id": explanation.model_id}


def _list_shares(explanation: Explanation) -> Iterator[dict[str, Any]]:
    if not explanation.attribution:
        return
    one = Attribution.from_dict(explanation.attribution)
    axes = {
        "channel": one.channels,
        "factor": one.factors,
        "group": one.groups,
        "day": one.day_blocks,
    }
    for kind, names in axes.items():
        yield from _spread(kind, {kind: names}, one.select(kind))
    for held in (explanation.shapley, explanation.surrogate):
        if held:
            shares = Shares.from_dict(held)
            parts = {name: axes[name] for name in ("channel", "group", "day")}
            yield from _spread(shares.method, parts, shares.values)
    baselines: Any = explanation.baselines
    for name, held in baselines.items():
        cells = {"factor": one.factors, "channel": one.channels}
        yield from _spread(name, cells, np.asarray(held["values"], np.float64))


def _spread(
    method: str, axes: Mapping[str, Sequence[Any]], values: npt.NDArray[np.float64]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each of `values`, whose axes are those of `axes` in their order."""
    for names, share in zip(product(*axes.values()), values.ravel().tolist(), strict=True):
        index = {"channel": "", "group": "", "factor": "", **dict(zip(axes, names, strict=True))}
        first, last = index.pop("day", (None, None))
        yield {"method": method, **index, "first": first, "last": last, "share": share}


def tabulate_neighbours(explanations: Sequence[Explanation]) -> pd.DataFrame:
    """Return the past images most like the day's, the nearest first."""
    rows = (row for one in explanations for row in _list_neighbours(one))
    return tabulate(rows, NEIGHBOUR, "session")


def _list_neighbours(explanation: Explanation) -> Iterator[Mapping[str, Any]]:
    nearest_neighbours: Any = explanation.nearest_neighbours
    for held in nearest_neighbours.get("neighbours", ()):
        own = {"neighbour": held["session"], "threshold": nearest_neighbours.get("threshold")}
        yield {**held, **own, **_key_of(explanation)}


def tabulate_contest(report: ContestReport) -> pd.DataFrame:
    """Return every figure of every entrant, each beside the reference's."""
    content: Any = report.content
    names = ("value", "lower", "upper", "reference")
    rows = (
        {"entrant": line["entrant"], "metric": metric, **dict(zip(names, figures, strict=True))}
        for line in content["entrants"]
        for metric, figures in line["figures"].items()
    )
    return _attach(tabulate(rows, FIGURE, "entrant", "metric"), report)


def tabulate_trials(report: ContestReport) -> pd.DataFrame:
    """Return each entrant's gain on the reference, adjusted for multiple testing."""
    content: Any = report.content
    rows = (
        {**gain, "entrant": gain["name"], "gain": gain["value"], "p_value": gain[_P_VALUE]}
        for gain in content["trials"]["gains"]
    )
    return _attach(tabulate(rows, TRIAL, "entrant"), report)


def tabulate_results(report: ContestReport) -> pd.DataFrame:
    """Return what the entrants' forecasts return in a backtest, by rule; none without a rule."""
    content: Any = report.content
    return _attach(
        tabulate(_list_results(content.get("backtests", ())), RESULT, "rule", "entrant"), report
    )


def _list_results(rules: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for rule in rules:
        for result in rule["results"]:
            bounds = dict(
                zip(("excess_return", "lower", "upper"), result["excess_return"], strict=True)
            )
            deflated = rule["deflated"] if result["name"] == rule["best"] else None
            yield {**rule, **result, **bounds, "entrant": result["name"], "deflated": deflated}


def _attach(frame: pd.DataFrame, report: ContestReport) -> pd.DataFrame:
    """Attach what the whole report says, as ``attrs``."""
    frame.attrs = {
        "signal": report.signal,
        "as_of": report.as_of.isoformat(),
        "sentence": report.sentence,
    }
    return frame
