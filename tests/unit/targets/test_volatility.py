"""Volatility: the label by hand, base forecasts from the past alone, skill where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.learning import (
    BaselineForecaster,
    SplitSizes,
    TrainingSet,
    build_training_set,
    evaluate_splits,
    walk_forward,
)
from factorprism.learning.samples import HeldOut
from factorprism.targets.target import LABEL, Known, LabelScale
from factorprism.targets.volatility import (
    VOLATILITY,
    compute_ewma,
    compute_labels,
    compute_miscalibration,
    compute_qlike,
    compute_rolling,
    fit_recalibration,
)
from factorprism.targets.weighted import draw_once

BASELINES = tuple(one.name for one in VOLATILITY.baselines)
SIZES = SplitSizes(validation=250, calibration=250, out_of_sample=500, least_training=500)


@pytest.fixture(scope="module")
def closes() -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).normal(size=400)))


@pytest.fixture(scope="module")
def risk(hs300_set: TrainingSet) -> TrainingSet:
    """The HS300 of the `sample` source, asked for its volatility."""
    return build_training_set(
        hs300_set.image_set, hs300_set.closes, VOLATILITY, 14, hs300_set.as_of
    )


@pytest.fixture(scope="module")
def walked(risk: TrainingSet) -> dict[str, HeldOut]:
    splits = list(walk_forward(risk.samples, risk.horizon, 4, SIZES))
    return {name: evaluate_splits(BaselineForecaster(name), risk, splits) for name in BASELINES}


def figures(held_out: HeldOut) -> dict[str, float]:
    columns = held_out.outcomes, held_out.values, held_out.reference, held_out.folds
    (found,) = VOLATILITY.compute_metrics(*columns, draw_once(len(held_out)))
    return dict(zip(VOLATILITY.metrics, found.tolist(), strict=True))


def test_the_label_is_the_log_of_the_squares_of_the_sessions_ahead() -> None:
    closes = np.array([100.0, 110.0, 99.0, 99.0, 100.0])
    steps = np.log(closes[1:] / closes[:-1]) ** 2
    expected = np.log([steps[0] + steps[1], steps[1] + steps[2], steps[2] + steps[3]])
    np.testing.assert_allclose(compute_labels(closes, 2)[:3], expected)
    assert np.isnan(compute_labels(closes, 2)[3:]).all()


def test_a_missing_close_leaves_every_label_open_that_reads_it(closes: np.ndarray) -> None:
    holed = closes.copy()
    holed[200] = np.nan
    assert np.flatnonzero(np.isnan(compute_labels(holed, 14)[:-14])).tolist() == list(
        range(186, 201)
    )


def test_the_bases_are_those_of_their_sources(closes: np.ndarray) -> None:
    steps = np.diff(np.log(closes)) ** 2
    assert compute_rolling(closes, 14)[300] == pytest.approx(14 * steps[240:300].mean())
    recursion = steps[0]
    for step in steps[1:300]:
        recursion = 0.94 * recursion + 0.06 * step
    assert compute_ewma(closes, 14)[300] == pytest.approx(14 * recursion, rel=1e-6)


@pytest.mark.parametrize("compute", [compute_rolling, compute_ewma])
def test_the_future_changes_no_byte_of_a_base_forecast(closes: np.ndarray, compute: object) -> None:
    assert callable(compute)
    whole = compute(closes, 14)
    for end in (1, 2, 61, 300):
        np.testing.assert_array_equal(compute(closes[:end], 14), whole[:end])
    changed = closes.copy()
    changed[200:] *= 3.0
    np.testing.assert_array_equal(compute(changed, 14)[:200], whole[:200])


def test_the_first_sessions_do_not_widen_the_error_of_a_base_forecast(closes: np.ndarray) -> None:
    known = Known(closes, VOLATILITY.compute_outcomes(closes, 14), 14, 56)
    rows = np.arange(len(closes) - 14)
    full = VOLATILITY.fit_bases(known, rows[60:])
    assert VOLATILITY.update_bases(full, known, rows) == full
    assert VOLATILITY.fit_bases(known, rows) != full
    assert VOLATILITY.update_bases(full, known, rows[:60]) == full


def test_a_price_that_stands_still_has_a_label_and_forecasts() -> None:
    still = np.full(300, 5.0)
    outcomes = VOLATILITY.compute_outcomes(still, 14)
    known, rows = Known(still, outcomes, 14, 56), np.arange(100, 280)
    bases = VOLATILITY.fit_bases(known, rows)
    reference = VOLATILITY.compute_reference(bases, known, rows)
    outputs = np.zeros((len(rows), 2))
    scale = VOLATILITY.scale_labels(known.labels[rows])
    calibration = VOLATILITY.fit_calibration(
        outputs, known.labels[rows], reference, bases, scale, 14
    )
    values = VOLATILITY.compute_values(outputs, calibration, bases, reference)
    assert np.isfinite(outcomes[LABEL][:-14]).all()
    for column in (*values.values(), *reference.values()):
        assert np.isfinite(column).all()
    assert np.isfinite(VOLATILITY.compute_losses(known.labels[rows], values)).all()


def test_qlike_is_zero_for_the_truth_and_dearer_below_than_above() -> None:
    label = np.log(np.array([0.04, 0.04, 0.04]))
    sigma = np.sqrt(np.array([0.04, 0.02, 0.08]))
    np.testing.assert_allclose(
        compute_qlike(label, sigma), [0.0, 2.0 - np.log(2.0) - 1.0, 0.5 - np.log(0.5) - 1.0]
    )


def test_miscalibration_is_what_the_best_multiple_would_save(closes: np.ndarray) -> None:
    labels = compute_labels(closes, 14)[100:-14]
    sigma = np.sqrt(compute_rolling(closes, 14)[100:-14])
    multiples = np.linspace(0.5, 2.0, 3001)
    losses = [compute_qlike(labels, np.sqrt(m) * sigma).mean() for m in multiples]
    expected = compute_qlike(labels, sigma).mean() - min(losses)
    assert compute_miscalibration(labels, sigma) == pytest.approx(expected, abs=1e-5)
    assert compute_miscalibration(labels, 2.0 * sigma) > 0.3


def test_who_knows_nothing_more_is_drawn_to_the_reference() -> None:
    slopes = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        base = generator.normal(size=250)
        labels = base + 0.5 * generator.normal(size=250)
        blind, knowing = generator.normal(size=250), labels + 0.1 * generator.normal(size=250)
        slope, shift = fit_recalibration(blind, labels, base, 14)
        slopes.append(slope)
        assert slope >= 0.0
        assert abs(shift) < 0.2
        assert fit_recalibration(knowing, labels, base, 14)[0] > 0.5
    assert np.mean(slopes) < 0.05


def test_a_head_starts_near_the_mean_of_its_labels(risk: TrainingSet) -> None:
    labels = risk.labels[risk.samples[:2000]]
    scale = VOLATILITY.scale_labels(labels)
    standard = scale.apply(labels)
    assert standard.mean() == pytest.approx(0.0, abs=1e-9)
    assert standard.std() == pytest.approx(1.0)
    calibration = {**VOLATILITY.identity, "label_mean": 3.0, "label_deviation": 2.0}
    assert VOLATILITY.scale_of(calibration) == LabelScale(3.0, 2.0)


def test_the_sample_s_risk_can_be_forecast(walked: dict[str, HeldOut]) -> None:
    """EWMA is known to beat the last 60 sessions, on this index by a seventh of the QLIKE."""
    ewma, ridge, own = (figures(walked[name]) for name in ("ewma_94", "ridge", "rolling_60"))
    assert ewma["qlike_skill"] > 0.05
    assert ewma["r2_skill"] > 0.05
    assert ridge["qlike_skill"] > 0.05
    assert own["qlike_skill"] == pytest.approx(0.0, abs=1e-9)
    assert own["qlike_gain"] == pytest.approx(0.0, abs=1e-12)
    for name, found in (("ewma_94", ewma), ("ridge", ridge), ("rolling_60", own)):
        assert 0.7 < found["coverage_90"] < 0.99, name
        assert found["fold_rank_correlation"] > 0.1, name


@pytest.mark.parametrize("name", BASELINES)
def test_no_forecast_reads_a_later_session(risk: TrainingSet, name: str) -> None:
    (split,) = walk_forward(risk.samples, risk.horizon, 1, SIZES)
    middle = int(split.out_of_sample[100])
    closes = risk.closes.copy()
    closes[middle + 1 :] *= np.linspace(1.0, 3.0, len(closes) - middle - 1)
    changed = build_training_set(risk.image_set, closes, VOLATILITY, 14, risk.as_of)
    truth, other = (
        BaselineForecaster(name).fit(one, split).forecast_rows(one, split.out_of_sample)
        for one in (risk, changed)
    )
    for column, found in truth.values.items():
        np.testing.assert_array_equal(found[:101], other.values[column][:101])
    for column, found in truth.reference.items():
        np.testing.assert_array_equal(found[:101], other.reference[column][:101])


def test_what_is_issued_has_the_names_of_the_ledger(walked: dict[str, HeldOut]) -> None:
    issued = VOLATILITY.issue(walked["ridge"].values, walked["ridge"].reference)
    assert tuple(issued) == VOLATILITY.values
    assert (issued["ewma_94"] != issued["rolling_60"]).all()
