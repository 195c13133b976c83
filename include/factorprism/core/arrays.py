"""Arrays that the stages hand on, and their hashes.

Sessions are ``datetime64[D]`` in arrays, `datetime.date` in rows and arguments, and
``datetime64[us]`` at midnight without a zone in frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float32]
DayArray = npt.NDArray[np.datetime64]
# Rows that are brought to one form at a time, so that no copy of the whole is made.
HASHED_ROWS = 256


def hash_array(values: npt.NDArray[np.floating], *labels: str) -> str:
    """Return the SHA-256 (hex) of `values` (shape, dtype, C-order bytes) and of `labels`."""
    digest = hashlib.sha256("\n".join((*labels, values.dtype.str, str(values.shape))).encode())
    for first in range(0, len(values), HASHED_ROWS):
        digest.update(make_canonical(values[first : first + HASHED_ROWS]).tobytes())
    return digest.hexdigest()


def hash_prefixes(values: npt.NDArray[np.generic], ends: Sequence[int]) -> list[str]:
    """Return the SHA-256 (hex) of ``values[:end]`` for each of `ends`, ascending, in one pass.

    Each is that of its own rows alone (dtype, shape of a row, C-order bytes), whichever other ends
    are asked for.
    """
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape[1:]}".encode())
    found, start = [], 0
    for end in ends:
        for first in range(start, end, HASHED_ROWS):
            block = values[first : min(first + HASHED_ROWS, end)]
            known = make_canonical(block) if np.issubdtype(block.dtype, np.floating) else block
            digest.update(known.tobytes())
        found.append(digest.copy().hexdigest())
        start = end
    return found


def make_canonical(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return `values` with one bit pattern for NaN and for zero: equal content hashes equally."""
    return np.where(np.isnan(values), np.array(np.nan, values.dtype), values + 0.0)


def as_days(sessions: Sequence[date] | pd.Series | DayArray) -> DayArray:
    """Return `sessions` as an array of ``datetime64[D]``."""
    return np.asarray(sessions).astype("datetime64[D]")
