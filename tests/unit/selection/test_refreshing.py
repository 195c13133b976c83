"""Matured loss and the decision of `auto`: every way that leads to a retraining, and the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.models import Evaluation
from factorprism.evaluation.drift import Drift
from factorprism.evaluation.matured import (
    GainEstimate,
    MaturedLoss,
    find_estimate,
    measure_matured_loss,
)
from factorprism.evaluation.resampling import bootstrap_interval
from factorprism.learning.samples import HeldOut, pool_held_out
from factorprism.selection.refreshing import decide_mode
from factorprism.targets import DIRECTION
from held_out_directions import hold_probabilities

HORIZON = 14
CALM = Drift(
    ("natr_14", "rsi_14"),
    ("000300.SH",),
    np.array([[0.4], [0.3]]),
    np.array([[1.6], [0.6]]),
    0.05,
    2000,
    120,
    16,
)
DRIFTED = replace(CALM, psi=np.array([[3.2], [0.7]]))
FINE = MaturedLoss(
    GainEstimate(0.001, -0.01, 0.012),
    GainEstimate(0.0, -0.02, 0.02),
    0.69,
    0.691,
    200,
    DIRECTION.words,
)
LOSING = replace(FINE, gain=GainEstimate(-0.05, -0.08, -0.02), fall=None, loss=0.741)


def forecast(edge: float, n_sessions: int = 250, seed: int = 0) -> HeldOut:
    """Forecasts that say 0.6 or 0.4; right more often by twice `edge` than by chance."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(generator.integers(0, 2, n_sessions), 7)[:n_sessions].astype(np.float64)
    right = generator.random(n_sessions) < 0.5 + edge
    y_prob = np.where(right == (labels == 1), 0.6, 0.4)
    return hold_probabilities(labels, y_prob, 0.5)


def test_a_champion_that_loses_to_the_base_rate_has_worsened() -> None:
    loss = measure_matured_loss(forecast(-0.3), None, target=DIRECTION, horizon=HORIZON, seed=1)
    assert loss.worsened
    assert loss.gain.upper < 0.0
    assert loss.gain.value == pytest.approx(loss.reference_loss - loss.loss)
    assert loss.sentence.startswith("it loses to the base rate: over 250 matured forecasts")


def test_a_champion_that_gains_less_than_its_estimate_has_worsened() -> None:
    held_out = forecast(0.15)
    before = measure_matured_loss(
        held_out, GainEstimate(0.03, 0.0, 0.06), target=DIRECTION, horizon=HORIZON, seed=1
    )
    fallen = measure_matured_loss(
        held_out, GainEstimate(0.2, 0.17, 0.23), target=DIRECTION, horizon=HORIZON, seed=1
    )
    assert not before.worsened
    assert before.sentence.startswith("its matured loss has not worsened")
    assert fallen.worsened
    assert fallen.gain == before.gain
    assert fallen.sentence.startswith("its matured loss has worsened")


def test_an_uncertain_estimate_makes_the_fall_uncertain() -> None:
    held_out = forecast(0.15)
    sure, unsure = (
        measure_matured_loss(
            held_out, GainEstimate(0.2, low, 0.23), target=DIRECTION, horizon=HORIZON, seed=1
        ).fall
        for low in (0.19, -0.2)
    )
    assert sure is not None
    assert unsure is not None
    assert sure.upper < 0.0 < unsure.upper
    assert sure.value == unsure.value


def test_only_the_latest_forecasts_count() -> None:
    late, early = forecast(0.15), forecast(-0.4, seed=2)
    both = pool_held_out([early, late])
    settings = {"target": DIRECTION, "horizon": HORIZON, "seed": 1}
    assert measure_matured_loss(both, None, **settings) == measure_matured_loss(
        late, None, **settings
    )


@pytest.mark.parametrize("n_sessions", [0, 111])
def test_a_few_forecasts_tell_nothing(n_sessions: int) -> None:
    loss = measure_matured_loss(
        forecast(-0.5, n_sessions),
        GainEstimate(0.5, 0.4, 0.6),
        target=DIRECTION,
        horizon=HORIZON,
        seed=1,
    )
    assert not loss.measured
    assert not loss.worsened
    assert loss.sentence == f"{n_sessions} matured forecasts are too few to tell its loss"


def test_the_interval_is_wider_than_the_percentiles_of_few_blocks() -> None:
    held_out = forecast(0.05)
    loss = measure_matured_loss(held_out, None, target=DIRECTION, horizon=HORIZON, seed=1)
    p_up = held_out.values["p_up"]
    gains = np.log(np.where(held_out.labels == 1, p_up, 1 - p_up) / 0.5)
    lower, upper = bootstrap_interval(
        lambda drawn: np.array([drawn.mean()]), gains, block=28, seed=1
    )
    assert loss.gain.lower < lower[0] < loss.gain.value < upper[0] < loss.gain.upper


def test_the_estimate_is_the_latest_walk_forward_gain() -> None:
    one = Evaluation(
        "model", "walk_forward", "log_loss_gain", 0.01, 0.0, 0.02, 0.0,
        date(2020, 1, 2), date(2021, 1, 4), 200,
    )  # fmt: skip
    others = [
        replace(one, kind="contest", value=9.0, last=date(2023, 1, 3)),
        replace(one, metric="brier_skill", value=9.0, last=date(2023, 1, 3)),
        replace(one, value=0.02, last=date(2022, 1, 4)),
    ]
    assert find_estimate([one, *others], DIRECTION) == GainEstimate(0.02, 0.0, 0.02)
    assert find_estimate(others[:2], DIRECTION) is None


def test_all_well_is_fine_tuned_and_all_numbers_are_said() -> None:
    mode, why = decide_mode(140, 250, CALM, FINE)
    assert mode == "fine_tune"
    assert why.startswith("since the champion's data end 140 of 250 sessions ago; no factor has")
    assert "rsi_14 with a PSI of 0.30, threshold 0.60" in why
    assert "its matured loss has not worsened: over 200 matured forecasts" in why


def test_what_was_not_measured_is_no_reason() -> None:
    assert decide_mode(250, 250, None, None) == (
        "fine_tune",
        "since the champion's data end 250 of 250 sessions ago",
    )


@pytest.mark.parametrize(
    ("age", "drift", "loss", "said"),
    [
        (251, CALM, FINE, ["251 sessions ago, and 250 are allowed"]),
        (140, DRIFTED, FINE, ["2 of 2 factors have drifted", "natr_14 with a PSI of 3.20"]),
        (140, CALM, LOSING, ["it loses to the base rate", "gain -0.0500 nats"]),
        (
            140,
            CALM,
            replace(FINE, fall=GainEstimate(-0.1, -0.2, -0.01)),
            ["has worsened", "-0.1000"],
        ),
        (300, DRIFTED, LOSING, ["300 sessions", "have drifted", "loses to the base rate"]),
    ],
)
def test_each_reason_to_retrain_is_said(
    age: int, drift: Drift, loss: MaturedLoss, said: list[str]
) -> None:
    mode, why = decide_mode(age, 250, drift, loss)
    assert mode == "retrain"
    assert [part for part in said if part not in why] == []


def test_a_champion_of_other_images_is_retrained() -> None:
    assert decide_mode(1, 250, None, None, misfit="other channels") == (
        "retrain",
        "since the champion does not fit the data: other channels",
    )


def test_the_farthest_factor_is_named_first() -> None:
    assert DRIFTED.drifted == (("natr_14", "000300.SH"), ("rsi_14", "000300.SH"))
