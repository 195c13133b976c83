"""Labels: up, not up, and not known yet."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.targets import compute_forward_returns
from factorprism.targets.direction import compute_labels


def named(labels: np.ndarray) -> list[int]:
    """Return the labels as whole numbers, -1 where they are not known."""
    return np.nan_to_num(labels, nan=-1.0).astype(int).tolist()


def test_up_means_a_higher_close_a_horizon_later() -> None:
    closes = np.array([10.0, 11.0, 10.0, 11.0, 9.0])

    assert named(compute_labels(closes, 2)) == [0, 0, 0, -1, -1]
    assert named(compute_labels(closes, 1)) == [1, 0, 1, 0, -1]
    assert np.allclose(compute_forward_returns(closes, 1)[:4], [0.1, -1 / 11, 0.1, -2 / 11])


def test_a_missing_close_leaves_both_its_labels_open() -> None:
    closes = np.array([1.0, 2.0, np.nan, 4.0, 5.0])

    assert named(compute_labels(closes, 1)) == [1, -1, -1, 1, -1]


def test_the_future_changes_no_label_that_has_matured() -> None:
    closes = np.random.default_rng(0).lognormal(size=60)
    full, cut = compute_labels(closes, 14), compute_labels(closes[:40], 14)

    assert np.array_equal(full[:26], cut[:26])
    assert np.isnan(cut[26:]).all()


def test_a_history_within_the_horizon_has_no_label() -> None:
    assert np.isnan(compute_labels(np.ones(14), 14)).all()
    with pytest.raises(ValueError, match="horizon"):
        compute_labels(np.ones(5), 0)
