"""Splits: no label of one part overlaps a label of the next, on any fold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError, LookAheadError
from factorprism.learning import (
    Split,
    SplitSizes,
    audit_purge,
    least_samples,
    split_samples,
    walk_forward,
)
from factorprism.learning.splits import anchored_folds

SIZES = SplitSizes(validation=60, calibration=50, out_of_sample=70, least_training=100)
DAYS = np.datetime64("2010-01-01") + np.arange(2000)
# Without holes, and with windows missing here and there.
ROWS = [
    np.arange(55, 1200),
    np.delete(np.arange(55, 1200), np.r_[300:340, 900:905, 1040:1110, 1140]),
]


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.calibration, split.out_of_sample]


def all_splits(rows: np.ndarray, horizon: int) -> list[Split]:
    return [split_samples(rows, horizon, SIZES), *walk_forward(rows, horizon, 4, SIZES)]


@pytest.mark.parametrize("horizon", [1, 14, 30])
@pytest.mark.parametrize("rows", ROWS, ids=["whole", "with holes"])
def test_every_pair_of_parts_is_purged(rows: np.ndarray, horizon: int) -> None:
    splits = all_splits(rows, horizon)

    assert len(splits) == 5
    for split in splits:
        for earlier, later in pairwise(parts(split)):
            assert earlier.max() + horizon < later.min()
        audit_purge(split, horizon, DAYS)


def test_a_split_without_holes_wastes_no_session_but_the_purge() -> None:
    split = split_samples(np.arange(1000), 14, SIZES)

    assert [len(part) for part in parts(split)] == [1000 - 70 - 50 - 60 - 3 * 14, 60, 50, 70]


def test_folds_expand_and_their_out_of_sample_sessions_join_up() -> None:
    rows = ROWS[0]
    folds = list(walk_forward(rows, 14, 3, SIZES))

    assert np.array_equal(np.concatenate([fold.out_of_sample for fold in folds]), rows[-210:])
    assert [len(fold.train) for fold in folds] == sorted({len(fold.train) for fold in folds})
    assert all(fold.train[0] == rows[0] for fold in folds)


def test_folds_too_early_to_train_are_left_out() -> None:
    rows = np.arange(500)
    folds = list(walk_forward(rows, 14, 6, SIZES))

    assert 1 <= len(folds) < 6
    assert folds[-1].out_of_sample[-1] == rows[-1]
    assert all(len(fold.train) >= SIZES.least_training for fold in folds)
    assert list(walk_forward(np.arange(200), 14, 6, SIZES)) == []


def test_one_fold_is_possible() -> None:
    assert len(list(walk_forward(ROWS[0], 14, 1, SIZES))) == 1


def test_a_short_history_says_how_much_is_left() -> None:
    with pytest.raises(ConfigurationError, match="100 are the least"):
        split_samples(np.arange(200), 14, SIZES)


def test_the_audit_names_labels_that_touch_an_out_of_sample_session() -> None:
    split = split_samples(np.arange(1000), 14, SIZES)
    first = int(split.out_of_sample[0])
    leaking = replace(split, train=np.append(split.train, first - 14))
    clean = replace(split, train=np.append(split.train, first - 15))

    audit_purge(clean, 14, DAYS)
    with pytest.raises(LookAheadError, match=rf"1 labels .* those of {DAYS[first - 14]}"):
        audit_purge(leaking, 14, DAYS)


@pytest.mark.parametrize("horizon", [1, 14, 30])
def test_the_least_samples_are_enough_and_one_fewer_is_not(horizon: int) -> None:
    fold_sizes = replace(SIZES, out_of_sample=90)
    least = least_samples(horizon, SIZES, fold_sizes)

    def suffices(n_samples: int) -> bool:
        rows = np.arange(n_samples)
        try:
            split_samples(rows, horizon, SIZES)
        except ConfigurationError:
            return False
        return bool(list(anchored_folds(rows, horizon, 1, fold_sizes)))

    assert suffices(least)
    assert not suffices(least - 1)
