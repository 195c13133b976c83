"""The picture of shares: the same bytes again, everything has its say, axes must agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.forecasts.explain import Shares
from factorprism.reports import render_shares

RNG = np.random.default_rng(5)
FACTORS = ("roc_12", "adx_14", "natr_14", "volume_ratio_20")
BLOCKS = ((date(2025, 1, 1), date(2025, 1, 2)), (date(2025, 1, 3), date(2025, 1, 16)))
SHAPLEY = Shares(
    "shapley",
    "inception-0",
    date(2025, 1, 16),
    ("000300.SH", "000905.SH"),
    ("momentum", "trend", "volatility", "volume"),
    BLOCKS,
    0.4,
    0.1,
    RNG.normal(size=(2, 4, 2)),
    {"orders": 8, "standard_error_max": 0.03},
)
SURROGATE = replace(
    SHAPLEY, method="surrogate", values=RNG.normal(size=(2, 4, 2)), figures={"r2": 0.81}
)
BASELINES = {"logistic": RNG.normal(size=4), "gradient_boosting": RNG.normal(size=4)}


def _draw(path, shapley=SHAPLEY, surrogate=SURROGATE, baselines=BASELINES, **arguments) -> bytes:
    given = {"factors": FACTORS, "title": "x", "path": path, "output": "logit", **arguments}
    return render_shares(shapley, surrogate, baselines, **given).read_bytes()


def test_everything_that_is_given_is_drawn(tmp_path):
    first = _draw(tmp_path / "a.png")
    assert first == _draw(tmp_path / "b.png")
    turned = [
        _draw(tmp_path / "c.png", replace(SHAPLEY, values=-SHAPLEY.values)),
        _draw(tmp_path / "c.png", surrogate=replace(SURROGATE, values=-SURROGATE.values)),
        _draw(tmp_path / "c.png", surrogate=replace(SURROGATE, figures={"r2": 0.2})),
        _draw(tmp_path / "c.png", baselines={**BASELINES, "logistic": -BASELINES["logistic"]}),
        _draw(tmp_path / "c.png", stability={"shapley": 0.4}),
        _draw(tmp_path / "c.png", output="mean"),
    ]
    assert len({first, *turned}) == 7


def test_nothing_of_any_weight_can_be_drawn(tmp_path):
    still = replace(SHAPLEY, values=0.0 * SHAPLEY.values)
    assert _draw(tmp_path / "a.png", still, replace(SURROGATE, values=still.values), {})


def test_axes_that_disagree_are_refused(tmp_path):
    with pytest.raises(ValueError, match="surrogate"):
        _draw(tmp_path / "a.png", surrogate=replace(SURROGATE, values=np.zeros((1, 4, 2))))
    with pytest.raises(ValueError, match="baselines: logistic"):
        _draw(tmp_path / "a.png", baselines={"logistic": np.zeros(3)})
    assert not (tmp_path / "a.png").exists()
