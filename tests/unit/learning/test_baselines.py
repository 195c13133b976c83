"""Every baseline keeps to the protocol; rules have the figures worked by hand; learners learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from factorprism.core.errors import LookAheadError
from factorprism.learning import (
    Split,
    SplitSizes,
    TrainingSet,
    TrainingSettings,
    build_training_set,
    split_samples,
    walk_forward,
)
from factorprism.learning.baselines import BaselineForecaster, NetworkForecaster, evaluate_splits
from factorprism.learning.baselines.tabular import flatten_image, flatten_last, summarise_window
from factorprism.targets import DIRECTION, Column
from factorprism.targets.direction import compute_log_losses

NAMES = tuple(one.name for one in DIRECTION.baselines)
LEARNERS = ("logistic", "pca_logistic", "gradient_boosting", "rocket")
ROCKET = pytest.param("rocket", marks=pytest.mark.slow)  # it is compiled at its first fit
FITTED = [*LEARNERS[:-1], ROCKET]
EACH = [*NAMES[:-1], ROCKET]


def test_the_names_are_those_of_the_contest(market: TrainingSet, split: Split) -> None:
    assert ("base_rate", "always_up", "momentum_sign", *LEARNERS) == NAMES
    with pytest.raises(ValueError, match="name: 'oracle', allowed are base_rate, always_up"):
        BaselineForecaster("oracle").fit(market, split)


@pytest.mark.parametrize("name", EACH)
def test_a_forecast_is_a_probability_and_repeatable(
    market: TrainingSet, split: Split, name: str
) -> None:
    first, again = (
        BaselineForecaster(name, seed=5)
        .fit(market, split)
        .forecast_rows(market, split.out_of_sample)
        for _ in range(2)
    )

    np.testing.assert_array_equal(first.values["p_up"], again.values["p_up"])
    assert first.values["p_up"].dtype == np.float64
    assert first.values["p_up"].shape == first.reference["p_up"].shape == (200,)
    assert ((first.values["p_up"] > 0.0) & (first.values["p_up"] < 1.0)).all()
    assert np.isfinite(compute_log_losses(first.labels, first.values["p_up"])).all()
    labels = market.labels[split.training_rows]
    np.testing.assert_allclose(
        first.reference["p_up"], ((labels == 1).sum() + 1) / (len(labels) + 2)
    )
    returns = market.outcomes["forward_return"][split.training_rows]
    expected = first.values["p_up"] * returns[returns > 0].mean()
    expected += (1 - first.values["p_up"]) * returns[returns <= 0].mean()
    np.testing.assert_allclose(first.values["return_estimate"], expected)


@pytest.mark.parametrize("name", EACH)
def test_nothing_of_the_out_of_sample_sessions_is_learned_and_no_forecast_reads_a_later_one(
    market: TrainingSet, split: Split, name: str
) -> None:
    middle = int(split.out_of_sample[100])
    closes, cube = market.closes.copy(), market.image_set.cube.copy()
    closes[middle + 1 :] *= np.linspace(1.0, 3.0, len(closes) - middle - 1)
    cube[middle + 1 :] = -cube[middle + 1 :]
    changed = build_training_set(
        replace(market.image_set, cube=cube), closes, DIRECTION, market.horizon, market.as_of
    )
    truth, other = (
        BaselineForecaster(name)
        .fit(one, split)
        .forecast_rows(one, split.out_of_sample)
        .values["p_up"]
        for one in (market, changed)
    )

    np.testing.assert_array_equal(truth[:101], other[:101])


@pytest.mark.parametrize("name", FITTED)
def test_a_machine_of_other_cores_gives_the_same_bytes(
    market: TrainingSet, split: Split, name: str
) -> None:
    import sklearn  # noqa: F401  # what is not loaded yet is not limited

    def forecast_by(threads: int) -> Column:
        with threadpool_limits(threads):
            fitted = BaselineForecaster(name).fit(market, split)
            return fitted.forecast_rows(market, split.out_of_sample).values["p_up"]

    np.testing.assert_array_equal(forecast_by(1), forecast_by(3))


@pytest.mark.parametrize("name", NAMES)
def test_a_split_that_leaks_is_refused(market: TrainingSet, split: Split, name: str) -> None:
    leaking = replace(split, calibration=split.calibration + market.horizon)

    with pytest.raises(LookAheadError, match="extend into the out-of-sample sessions"):
        BaselineForecaster(name).fit(market, leaking)


@pytest.mark.parametrize("name", FITTED)
def test_learners_read_a_market_that_can_be_read(
    market: TrainingSet, split: Split, name: str
) -> None:
    held_out = (
        BaselineForecaster(name).fit(market, split).forecast_rows(market, split.out_of_sample)
    )
    loss, base = (
        compute_log_losses(held_out.labels, forecast).mean()
        for forecast in (held_out.values["p_up"], held_out.reference["p_up"])
    )

    assert loss < base - 0.02


def test_the_base_rate_forecasts_itself(market: TrainingSet, split: Split) -> None:
    held_out = (
        BaselineForecaster("base_rate")
        .fit(market, split)
        .forecast_rows(market, split.out_of_sample)
    )

    np.testing.assert_allclose(held_out.values["p_up"], held_out.reference["p_up"], rtol=1e-12)


def test_rules_call_with_their_hit_rate_on_the_training_rows(
    market: TrainingSet, split: Split
) -> None:
    train = market.labels[split.train] == 1
    always = (
        BaselineForecaster("always_up")
        .fit(market, split)
        .forecast_rows(market, split.out_of_sample)
    )
    rate = max((train.sum() + 1) / (len(train) + 2), 0.501)
    np.testing.assert_allclose(always.values["p_up"], rate)

    momentum = (
        BaselineForecaster("momentum_sign")
        .fit(market, split)
        .forecast_rows(market, split.out_of_sample)
    )
    closes, back = market.closes, market.image_set.lookback - 1
    hits = (closes[split.train] > closes[split.train - back]) == train
    rate = max((hits.sum() + 1) / (len(hits) + 2), 0.501)
    rising = closes[split.out_of_sample] > closes[split.out_of_sample - back]
    np.testing.assert_allclose(momentum.values["p_up"], np.where(rising, rate, 1.0 - rate))
    assert rising.any()
    assert not rising.all()


def test_a_rule_that_was_mostly_wrong_keeps_its_call(market: TrainingSet, split: Split) -> None:
    falling = market.closes[0] * np.exp(-0.001 * np.arange(len(market.closes)))
    fallen = build_training_set(market.image_set, falling, DIRECTION, market.horizon, market.as_of)
    always = (
        BaselineForecaster("always_up")
        .fit(fallen, split)
        .forecast_rows(fallen, split.out_of_sample)
    )
    momentum = (
        BaselineForecaster("momentum_sign")
        .fit(fallen, split)
        .forecast_rows(fallen, split.out_of_sample)
    )

    np.testing.assert_allclose(always.values["p_up"], 0.501)
    # Every call of a fall was right, but for one of each kind that is added.
    n_train = len(split.train)
    np.testing.assert_allclose(momentum.values["p_up"], 1.0 - (n_train + 1) / (n_train + 2))


@pytest.mark.parametrize("name", FITTED)
def test_training_labels_all_alike_leave_the_base_rate(
    market: TrainingSet, split: Split, name: str
) -> None:
    rising = market.closes[0] * np.exp(0.001 * np.arange(len(market.closes)))
    later = int(split.validation[0]) - 1
    rising[later:] = rising[later] * market.closes[later:] / market.closes[later]
    risen = build_training_set(market.image_set, rising, DIRECTION, market.horizon, market.as_of)
    assert (risen.labels[split.train] == 1).all()
    assert (risen.labels[split.validation] == 0).any()
    held_out = BaselineForecaster(name).fit(risen, split).forecast_rows(risen, split.out_of_sample)

    np.testing.assert_allclose(held_out.values["p_up"], held_out.reference["p_up"])


def test_features_are_those_of_the_window() -> None:
    images = np.arange(2 * 3 * 2 * 1, dtype=np.float32).reshape(2, 3, 2, 1)

    assert flatten_last(images).tolist() == [[4, 5], [10, 11]]
    assert flatten_image(images)[1].tolist() == list(range(6, 12))
    deviation = float(np.sqrt(8 / 3))
    np.testing.assert_allclose(
        summarise_window(images)[0],
        [4, 5, 2, 3, deviation, deviation, 0, 1, 4, 5, 4, 4],
        rtol=1e-6,
    )


def test_splits_are_evaluated_one_by_one_and_pooled(market: TrainingSet, sizes: SplitSizes) -> None:
    splits = list(walk_forward(market.samples, market.horizon, 3, sizes))
    pooled = evaluate_splits(BaselineForecaster("logistic"), market, splits)

    assert len(splits) == 3
    np.testing.assert_array_equal(
        pooled.rows, np.concatenate([one.out_of_sample for one in splits])
    )
    assert len(np.unique(pooled.folds)) == 3
    last = (
        BaselineForecaster("logistic")
        .fit(market, splits[-1])
        .forecast_rows(market, splits[-1].out_of_sample)
    )
    np.testing.assert_array_equal(pooled.values["p_up"][-200:], last.values["p_up"])


def test_a_network_keeps_to_the_same_protocol(
    make_training_set: Callable[..., TrainingSet], quick_settings: TrainingSettings
) -> None:
    training_set = make_training_set(500)
    sizes = quick_settings.sizes(80)
    split = split_samples(training_set.samples, training_set.horizon, sizes)
    held_out = evaluate_splits(
        NetworkForecaster(replace(quick_settings, fold_epochs=1)), training_set, [split]
    )
    base = evaluate_splits(BaselineForecaster("base_rate"), training_set, [split])

    np.testing.assert_array_equal(held_out.rows, base.rows)
    np.testing.assert_array_equal(held_out.reference["p_up"], base.reference["p_up"])
    assert "return_estimate" in held_out.values
