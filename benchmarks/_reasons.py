"""Reasons of a forecast without asking a network: what the pages are tried on and timed with."""

from __future__ import annotations

from typing import Any

import numpy as np

from factorprism.core.contest import Explanation
from factorprism.core.ledger import Forecast
from factorprism.factors.groups import group_factors
from factorprism.targets import find_target


def draw_explanation(row: Forecast, window: Any) -> Explanation:
    """Return reasons in the form that the step `explain` keeps, their numbers drawn."""
    random, target = np.random.default_rng(3), find_target(row.target)
    n_days, n_factors, n_channels = window.values.shape
    groups = tuple(group_factors(window.factors))
    days = [str(day) for day in window.sessions]
    blocks = [[days[start], days[start + 6]] for start in range(0, n_days, 7)]

    def draw(*shape: int) -> Any:
        return np.round(random.normal(0.0, 0.1, shape), 6).tolist()

    head = {
        "model_id": row.model_id,
        "session": row.session.isoformat(),
        "channels": list(window.channels),
        "groups": list(groups),
        "day_blocks": blocks,
        "output": 0.44,
        "median_output": 0.1,
    }
    values = {
        "grad_cam": np.clip(random.normal(0, 0.4, (n_days, n_factors)), -1, 1).tolist(),
        "channel": draw(n_channels),
        "factor": draw(n_factors),
        "group": draw(len(groups)),
        "day": draw(len(blocks)),
    }
    parts = (n_channels, len(groups), len(blocks))
    neighbours = [
        {"session": day, "outcome_end": end, "distance": distance, "forward_return": came}
        for day, end, distance, came in (
            ("2020-06-01", "2020-06-19", 0.41, 0.031),
            ("2019-01-10", "2019-01-30", 0.72, -0.02),
        )
    ]
    return Explanation(
        signal=row.signal,
        session=row.session,
        model_id=row.model_id,
        attribution={**head, "factors": list(window.factors), "values": values},
        shapley={**head, "method": "shapley", "values": draw(*parts), "figures": {"orders": 8}},
        surrogate={**head, "method": "surrogate", "values": draw(*parts), "figures": {"r2": 0.4}},
        baselines={
            one.name: {target.ranked: 0.5, "values": draw(n_factors, n_channels)}
            for one in target.baselines[:4]
            if one.explained
        },
        stability={"seeds": [14, 15], "outputs": [0.44, 0.2], "agreement": {"factor": 0.31}},
        nearest_neighbours={
            "session": row.session.isoformat(),
            "novel": False,
            "distance": 0.41,
            "threshold": 1.6,
            "neighbours": neighbours,
        },
    )
