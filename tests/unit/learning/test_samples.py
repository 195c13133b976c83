"""The training set: complete windows, matured labels, nothing after as_of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from factorprism.core.errors import LookAheadError
from factorprism.learning import TrainingSet, build_training_set
from factorprism.targets import DIRECTION


def test_samples_have_a_complete_window_and_a_matured_label(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(100)

    # Five sessions of warm-up, then the first full window of eight ends at row 12.
    assert training_set.samples.tolist() == list(range(12, 97))
    assert set(np.unique(training_set.labels[training_set.samples])) == {0, 1}


def test_a_missing_cell_takes_its_windows_out(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    whole = make_training_set(100)
    cube = whole.image_set.cube.copy()
    cube[50, 2, 0] = np.nan
    holed = build_training_set(
        replace(whole.image_set, cube=cube), whole.closes, DIRECTION, whole.horizon, whole.as_of
    )

    assert set(whole.samples) - set(holed.samples) == set(range(50, 58))


def test_data_after_as_of_is_refused(make_training_set: Callable[..., TrainingSet]) -> None:
    whole = make_training_set(100)
    earlier: date = whole.image_set.sessions[-1].astype(date) - timedelta(days=1)

    with pytest.raises(LookAheadError, match="1 sessions after"):
        build_training_set(whole.image_set, whole.closes, DIRECTION, whole.horizon, earlier)


def test_closes_of_another_length_are_refused(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    whole = make_training_set(100)

    with pytest.raises(ValueError, match="closes"):
        build_training_set(whole.image_set, whole.closes[1:], DIRECTION, whole.horizon, whole.as_of)


def test_samples_after_a_session_exclude_it(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    whole = make_training_set(100)

    assert whole.rows_after(whole.session_at(90)).tolist() == list(range(91, 97))
