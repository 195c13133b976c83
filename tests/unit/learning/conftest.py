"""A market that can be read, and how its samples are split for a baseline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factorprism.learning import Split, SplitSizes, TrainingSet, split_samples


@pytest.fixture(scope="session")
def market(make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    return make_training_set(1200)


@pytest.fixture(scope="session")
def sizes() -> SplitSizes:
    return SplitSizes(validation=120, calibration=120, out_of_sample=200, least_training=200)


@pytest.fixture(scope="session")
def split(market: TrainingSet, sizes: SplitSizes) -> Split:
    return split_samples(market.samples, market.horizon, sizes)
