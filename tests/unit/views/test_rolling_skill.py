"""The moving skill and its interval agree with the slow ones of the training room."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.evaluation.resampling import bootstrap_interval
from factorprism.views._rolling import compute_skill, roll_skill


def draw(n: int, skill: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    p_up = np.clip(0.53 + skill * rng.standard_normal(n), 0.01, 0.99)
    return p_up, np.full(n, 0.53), rng.random(n) < p_up


def scores_of(p_up: np.ndarray, base: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (p_up - up) ** 2, (base - up) ** 2


def slow_skill(p_up: np.ndarray, base: np.ndarray, up: np.ndarray) -> np.ndarray:
    return np.array([1.0 - ((p_up - up) ** 2).mean() / ((base - up) ** 2).mean()])


def test_skill_and_interval_are_those_of_a_block_bootstrap() -> None:
    columns = draw(1500, 0.15)
    lower, upper = bootstrap_interval(slow_skill, *columns, block=28, seed=5)
    fast = compute_skill(*scores_of(*columns), block=28)
    assert fast[0] == pytest.approx(slow_skill(*columns)[0])
    # Two sets of resamples: equal within a part of the interval's width.
    width = float(upper[0] - lower[0])
    assert fast[1:] == pytest.approx((lower[0], upper[0]), abs=width / 6)


def test_the_base_rate_has_no_skill_against_itself() -> None:
    _, base, up = draw(300, 0.1)
    assert compute_skill(*scores_of(base, base, up), block=28) == (0.0, 0.0, 0.0)


def test_a_window_reads_no_other_forecasts_than_its_own() -> None:
    p_up, base, up = draw(700, 0.1)
    curve = roll_skill(*scores_of(p_up, base, up), window=250, step=10, block=28)
    assert curve is not None
    assert curve.ends[-1] == 699
    assert curve.ends[0] >= 249
    end = int(curve.ends[5])
    rows = slice(end - 249, end + 1)
    alone = compute_skill(*scores_of(p_up[rows], base[rows], up[rows]), block=28)
    assert (curve.skill[5], curve.lower[5], curve.upper[5]) == pytest.approx(alone)


def test_too_few_forecasts_give_no_curve() -> None:
    assert roll_skill(*scores_of(*draw(249, 0.1)), window=250, step=10, block=28) is None
