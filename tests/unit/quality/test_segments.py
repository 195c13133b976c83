"""Shifts and windows over the rows of many subjects, as pandas has them for each alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from factorprism.quality._segments import Segments

LENGTHS = (5, 1, 40, 2, 30)
SUBJECT = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
Both = tuple[Callable[[Segments, pd.Series], pd.Series], Callable[[pd.Series], pd.Series]]
OPERATIONS: dict[str, Both] = {
    "shift": (lambda rows, values: rows.shift(values), lambda values: values.shift()),
    "shift, filled": (
        lambda rows, values: rows.shift(values, 2, fill=0.0),
        lambda values: values.shift(2, fill_value=0.0),
    ),
    "difference": (lambda rows, values: rows.diff(values, 2), lambda values: values.diff(2)),
    "last value so far": (lambda rows, values: rows.ffill(values), lambda values: values.ffill()),
    "median": (
        lambda rows, values: rows.rolling(values, 6, 3).median(),
        lambda values: values.rolling(6, min_periods=3).median(),
    ),
    "least": (
        lambda rows, values: rows.rolling(values, 3, 3).min(),
        lambda values: values.rolling(3).min(),
    ),
}


@pytest.fixture
def values() -> pd.Series:
    random = np.random.default_rng(5)
    drawn = pd.Series(random.normal(size=len(SUBJECT)))
    return drawn.mask(pd.Series(random.random(len(SUBJECT)) < 0.2))


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_subject_reaches_into_the_one_before(name: str, values: pd.Series) -> None:
    together, alone = OPERATIONS[name]
    expected = [alone(part.reset_index(drop=True)) for _, part in values.groupby(SUBJECT)]
    found = together(Segments(SUBJECT), values)
    pd.testing.assert_series_equal(found, pd.concat(expected, ignore_index=True), check_exact=True)


def test_equal_rows_are_counted_within_a_subject() -> None:
    subject = np.array([0, 0, 0, 1, 1, 2])
    changed = np.array([True, False, False, False, False, False])
    assert Segments(subject).count_alike(changed).tolist() == [1, 2, 3, 1, 2, 1]


def test_no_rows_are_no_fault() -> None:
    rows = Segments(np.empty(0, np.int64))
    empty = pd.Series([], dtype="float64")
    assert rows.ffill(empty).empty
    assert rows.shift(empty).empty
