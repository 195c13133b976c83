"""What followed forecasts like this one: counted over windows that do not overlap."""

from __future__ import annotations

import numpy as np

from factorprism.views._hit_rate import LEAST_WINDOWS, Matured, find_hit_rate


def matured(p_up: np.ndarray, went_up: np.ndarray) -> Matured:
    days = np.datetime64("2020-01-01", "D") + np.arange(len(p_up))
    return Matured("ledger", days, p_up, went_up)


def test_the_share_is_of_the_forecasts_within_reach_alone() -> None:
    p_up = np.where(np.arange(400) % 2 == 0, 0.6, 0.4)
    hit_rate = find_hit_rate(0.6, matured(p_up, p_up > 0.5), horizon=14)
    assert hit_rate is not None
    assert (hit_rate.n, hit_rate.share, hit_rate.half_width) == (200, 1.0, 0.025)
    assert hit_rate.windows == len(range(0, 400, 14))


def test_overlapping_windows_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    past = matured(np.full(600, 0.55), rng.random(600) < 0.55)
    separate, overlapping = (find_hit_rate(0.55, past, horizon) for horizon in (1, 20))
    assert separate is not None
    assert overlapping is not None
    assert overlapping.upper - overlapping.lower > 3 * (separate.upper - separate.lower)


def test_a_wider_reach_is_taken_where_the_near_ones_are_too_few() -> None:
    p_up = np.full(200, 0.54)
    hit_rate = find_hit_rate(0.5, matured(p_up, np.ones(200, dtype=bool)), horizon=14)
    assert hit_rate is not None
    assert hit_rate.half_width == 0.05
    assert find_hit_rate(0.48, matured(p_up, np.ones(200, dtype=bool)), horizon=14) is None


def test_no_interval_is_claimed_from_few_windows() -> None:
    enough = (LEAST_WINDOWS - 1) * 14 + 1
    for n, found in ((enough, True), (enough - 1, False)):
        past = matured(np.full(n, 0.5), np.zeros(n, dtype=bool))
        assert (find_hit_rate(0.5, past, horizon=14) is not None) == found
