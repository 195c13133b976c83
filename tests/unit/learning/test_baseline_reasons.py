"""The attribution of a baseline's score: it adds up, and finds the factor that the market knows."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.images import gather_windows
from factorprism.learning import Split, TrainingSet
from factorprism.learning.baselines import BaselineForecaster, ScoreReasons
from factorprism.targets import DIRECTION

LEARNERS = tuple(one.name for one in DIRECTION.baselines if one.explained)
RULES = tuple(one.name for one in DIRECTION.baselines if one.rule)


@pytest.fixture(scope="module")
def images(market: TrainingSet, split: Split) -> np.ndarray:
    image_set = market.image_set
    return gather_windows(image_set.cube, split.out_of_sample[:20], image_set.lookback)


def explain(name: str, market: TrainingSet, split: Split, images: np.ndarray) -> list[ScoreReasons]:
    fitted = BaselineForecaster(name, seed=5).fit(market, split)
    found = [fitted.explain(image) for image in images]
    assert all(reasons is not None for reasons in found)
    return [reasons for reasons in found if reasons is not None]


@pytest.mark.parametrize("name", LEARNERS)
def test_contributions_add_up_from_the_expected_score_to_the_image_s(
    market: TrainingSet, split: Split, images: np.ndarray, name: str
) -> None:
    fitted = BaselineForecaster(name, seed=5).fit(market, split)
    scores = fitted.score(market, split.out_of_sample[:20])[:, 0]
    for reasons, score in zip(explain(name, market, split, images), scores, strict=True):
        assert reasons.by_cell.shape == images.shape[2:]
        assert reasons.score == pytest.approx(score, abs=1e-6)
        assert reasons.by_cell.sum() == pytest.approx(score - reasons.expected, abs=1e-4)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_factor_that_knows_the_drift_has_the_greatest_say(
    market: TrainingSet, split: Split, images: np.ndarray, name: str
) -> None:
    found = explain(name, market, split, images)
    sizes = np.mean([np.abs(reasons.by_cell[:, 0]) for reasons in found], axis=0)
    assert int(np.argmax(sizes)) == 0
    assert np.ptp([reasons.score for reasons in found]) > 0.0


def test_a_linear_reason_is_the_weight_times_the_distance_from_the_average(
    market: TrainingSet, split: Split, images: np.ndarray
) -> None:
    moved = images[0].copy()
    moved[-1, 0, 0] += 0.5
    one, other = explain("logistic", market, split, np.stack([images[0], moved]))
    change = other.by_cell - one.by_cell
    assert np.flatnonzero(np.abs(change) > 1e-9).tolist() == [0]
    assert change.sum() == pytest.approx(other.score - one.score, abs=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_reads_no_image_gives_no_reasons(
    market: TrainingSet, split: Split, images: np.ndarray, name: str
) -> None:
    assert BaselineForecaster(name).fit(market, split).explain(images[0]) is None
