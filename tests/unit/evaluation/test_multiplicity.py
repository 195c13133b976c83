"""One lucky forecaster among many is not trusted, a knowing one is, and losses come first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factorprism.evaluation.multiplicity import adjust_for_trials, multiplicity_sentence
from factorprism.learning.samples import HeldOut
from factorprism.targets import DIRECTION
from factorprism.targets.direction import compute_log_losses
from held_out_directions import hold_probabilities

HORIZON = 5
N_SAMPLES = 600


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """Labels of overlapping windows of a walk without drift, as a market's are."""
    steps = np.random.default_rng(12345).normal(size=N_SAMPLES + HORIZON)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    return (walk[HORIZON:] > walk[:-HORIZON])[:N_SAMPLES].astype(np.float64)


def forecast(labels: np.ndarray, knowledge: float, noise: float, seed: int) -> HeldOut:
    """Return forecasts that lean `knowledge` of the way to the truth, with persistent noise."""
    generator = np.random.default_rng(seed)
    error = np.convolve(generator.normal(size=len(labels) + 9), np.ones(10) / 10**0.5, "valid")
    y_prob = 0.5 + 0.5 * knowledge * (2.0 * labels - 1.0) + noise * error
    rows = np.arange(100, 100 + len(labels))
    return hold_probabilities(labels, np.clip(y_prob, 0.05, 0.95), 0.5, rows=rows)


def test_a_knowing_candidate_is_found_among_guessers(labels: np.ndarray) -> None:
    candidates = {f"guess{number}": forecast(labels, 0.0, 0.1, number) for number in range(6)}
    candidates["knowing"] = forecast(labels, 0.2, 0.1, 99)
    result = adjust_for_trials(candidates, DIRECTION, HORIZON, seed=0)

    assert result.skilled == ("knowing",)
    best = result.gains[0]
    assert best.name == "knowing"
    known = candidates["knowing"]
    gain = np.log(2) - compute_log_losses(labels, known.values["p_up"]).mean()
    assert best.value == pytest.approx(gain)
    assert best.lower < best.value < best.upper
    assert best.value - best.lower == pytest.approx(best.upper - best.value)
    assert best.superior
    assert best.in_confidence_set
    assert [gain.in_confidence_set for gain in result.gains[1:]] == [False] * 6
    assert not result.base_in_confidence_set
    assert result.spa_p_value < 0.01
    assert (result.n_tried, result.n_sessions, result.independent_windows) == (7, 600, 120)


def test_what_would_be_trusted_alone_is_not_as_the_best_of_many(labels: np.ndarray) -> None:
    lucky = forecast(labels, 0.09, 0.1, 99)
    others = {f"guess{number}": forecast(labels, 0.0, 0.1, number) for number in range(25)}
    alone = adjust_for_trials({"lucky": lucky}, DIRECTION, HORIZON, seed=0)
    together = adjust_for_trials({**others, "lucky": lucky}, DIRECTION, HORIZON, seed=0)

    assert alone.skilled == ("lucky",)
    assert together.skilled == ()
    adjusted = next(gain for gain in together.gains if gain.name == "lucky")
    assert adjusted.value == alone.gains[0].value
    assert adjusted.upper - adjusted.lower > 1.3 * (alone.gains[0].upper - alone.gains[0].lower)
    assert together.spa_p_value > 0.05


def test_trials_that_are_not_shown_are_adjusted_for_too(labels: np.ndarray) -> None:
    candidates = {"a": forecast(labels, 0.1, 0.1, 1), "b": forecast(labels, 0.0, 0.1, 2)}
    shown = adjust_for_trials(candidates, DIRECTION, HORIZON, seed=0)
    tried = adjust_for_trials(candidates, DIRECTION, HORIZON, seed=0, n_tried=20)

    assert (shown.size, tried.size) == (0.05, pytest.approx(0.005))
    assert tried.n_tried == 20
    for few, many in zip(shown.gains, tried.gains, strict=True):
        assert many.lower < few.lower
        assert many.upper > few.upper
    with pytest.raises(ValueError, match="n_tried: 1, allowed are numbers from 2"):
        adjust_for_trials(candidates, DIRECTION, HORIZON, seed=0, n_tried=1)


def test_the_chance_of_a_false_claim_is_held_over_many_markets() -> None:
    claims = 0
    for market in range(20):
        steps = np.random.default_rng(1000 + market).normal(size=300 + HORIZON)
        walk = np.concatenate([[0.0], np.cumsum(steps)])
        drawn = (walk[HORIZON:] > walk[:-HORIZON])[:300].astype(np.float64)
        candidates = {
            f"guess{number}": forecast(drawn, 0.0, 0.02, 50 * market + number)
            for number in range(5)
        }
        claims += bool(adjust_for_trials(candidates, DIRECTION, HORIZON, seed=market).skilled)

    # At 5% more than four of twenty would come about once in four hundred times.
    assert claims <= 4


def test_all_may_be_superior_and_equals_share_their_fate(labels: np.ndarray) -> None:
    good, better = (forecast(labels, know, 0.05, 3) for know in (0.15, 0.4))
    result = adjust_for_trials(
        {"good": good, "better": better, "twin": better}, DIRECTION, HORIZON, seed=0
    )

    assert result.skilled == ("better", "twin", "good")
    kept = {gain.name: gain.in_confidence_set for gain in result.gains}
    assert kept == {"better": True, "twin": True, "good": False}


def test_a_small_sure_gain_is_found_after_a_wild_one(labels: np.ndarray) -> None:
    small, wild = forecast(labels, 0.015, 0.0, 3), forecast(labels, 0.6, 0.3, 4)
    result = adjust_for_trials({"small": small, "wild": wild}, DIRECTION, HORIZON, seed=0)

    assert [gain.name for gain in result.gains if gain.superior] == ["wild", "small"]
    sure = result.gains[1]
    # It is always right by as much: its gain on the base rate has no spread at all.
    assert sure.lower == pytest.approx(sure.upper) == pytest.approx(np.log(1.015))
    assert not sure.in_confidence_set
    assert not result.base_in_confidence_set


def test_the_base_rate_is_no_trial_and_its_copy_no_skill(labels: np.ndarray) -> None:
    base = forecast(labels, 0.0, 0.0, 0)
    result = adjust_for_trials({"base_rate": base, "copy": base}, DIRECTION, HORIZON, seed=0)

    assert result.n_tried == 1
    assert result.equals == ("copy",)
    assert result.losers == result.skilled == ()
    assert np.isnan(result.spa_p_value)
    assert result.base_in_confidence_set
    assert multiplicity_sentence(result, DIRECTION) == (
        "No better than the base rate, which they forecast: copy. No skill shown after "
        "adjusting for 1 trial: over 600 sessions (120 windows that do not overlap) no gain on the "
        "base rate stands."
    )


def test_the_sentence_says_first_who_loses_and_then_whose_skill_stands(labels: np.ndarray) -> None:
    candidates = {
        "wrong": forecast(labels, -0.3, 0.05, 1),
        "knowing": forecast(labels, 0.3, 0.05, 2),
    }
    sentence = multiplicity_sentence(
        adjust_for_trials(candidates, DIRECTION, HORIZON, seed=0), DIRECTION
    )

    assert sentence.startswith("1 of 2 candidates loses to the base rate: wrong. Skill shown after")
    assert "adjusting for 2 trials (SPA p = 0.00)" in sentence
    assert "knowing +0." in sentence
    alone = {"wrong": candidates["wrong"]}
    lost = multiplicity_sentence(adjust_for_trials(alone, DIRECTION, HORIZON, seed=0), DIRECTION)
    assert lost.startswith("1 of 1 candidates loses to the base rate: wrong. No skill shown after")


def test_the_same_seed_gives_the_same_result(labels: np.ndarray) -> None:
    candidates = {"a": forecast(labels, 0.1, 0.1, 1), "b": forecast(labels, 0.0, 0.1, 2)}

    first, again, other = (
        adjust_for_trials(candidates, DIRECTION, HORIZON, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_only_forecasts_of_the_same_sessions_are_compared(labels: np.ndarray) -> None:
    one = forecast(labels, 0.1, 0.1, 1)
    elsewhere = replace(one, rows=one.rows + 1)

    with pytest.raises(ValueError, match="'a' and 'b' differ in rows"):
        adjust_for_trials({"a": one, "b": elsewhere}, DIRECTION, HORIZON, seed=0)
    raised = replace(one, reference={"p_up": one.reference["p_up"] + 0.1})
    with pytest.raises(ValueError, match="'a' and 'b' differ in reference p_up"):
        adjust_for_trials({"a": one, "b": raised}, DIRECTION, HORIZON, seed=0)
    with pytest.raises(ValueError, match="candidates: none"):
        adjust_for_trials({"base_rate": one}, DIRECTION, HORIZON, seed=0)
    empty = one.take(slice(0))
    with pytest.raises(ValueError, match="'a' has forecast no session"):
        adjust_for_trials({"a": empty}, DIRECTION, HORIZON, seed=0)
