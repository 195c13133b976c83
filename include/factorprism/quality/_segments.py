"""Rows of several subjects, one subject after the other: shifts and windows stay within each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.indexers import BaseIndexer

IntArray = npt.NDArray[np.int64]


class Segments:
    """Where each subject begins among rows that are ordered by `subject`."""

    def __init__(self, subject: IntArray) -> None:
        rows = np.arange(len(subject))
        begins = np.append(True, subject[1:] != subject[:-1])[: len(subject)]
        self.begin: IntArray = np.maximum.accumulate(np.where(begins, rows, 0))
        # How many rows of the same subject stand before a row.
        self.index: IntArray = rows - self.begin

    def shift(self, values: pd.Series, n_rows: int = 1, fill: float = np.nan) -> pd.Series:
        """Return what stood `n_rows` earlier of the same subject, `fill` where nothing did."""
        return values.shift(n_rows, fill_value=fill).where(self.index >= n_rows, fill)

    def diff(self, values: pd.Series, n_rows: int = 1) -> pd.Series:
        return values - self.shift(values, n_rows)

    def ffill(self, values: pd.Series) -> pd.Series:
        """Return the last value so far of the same subject, NaN before the first one."""
        rows = np.arange(len(values))
        given: IntArray = np.maximum.accumulate(np.where(values.notna(), rows, -1))
        filled = pd.Series(values.to_numpy()[given], index=values.index) if len(rows) else values
        return filled.where(given >= self.begin)

    def rolling(self, values: pd.Series, n_rows: int, min_periods: int) -> Any:
        """Return the window of the last `n_rows` rows of the same subject, as pandas rolls it."""
        window = _Window(window_size=n_rows, begin=self.begin)
        return values.rolling(window, min_periods=min_periods)

    def count_alike(self, changed: npt.NDArray[np.bool_]) -> IntArray:
        """Return how many rows in a row, this one included, have not `changed`."""
        rows = np.arange(len(changed))
        last: IntArray = np.maximum.accumulate(np.where(changed | (self.index == 0), rows, 0))
        return rows - last + 1


class _Window(BaseIndexer):
    """A trailing window that does not reach over the beginning of its subject."""

    begin: IntArray
    window_size: int

    def get_window_bounds(
        self,
        num_values: int = 0,
        min_periods: int | None = None,
        center: bool | None = None,
        closed: str | None = None,
        step: int | None = None,
    ) -> tuple[IntArray, IntArray]:
        end = np.arange(1, num_values + 1, dtype=np.int64)
        return np.maximum(end - self.window_size, self.begin), end
