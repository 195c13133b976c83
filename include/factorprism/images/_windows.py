"""Cuts windows out of an image set: as views where they are read, as copies where they train."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from factorprism.core.arrays import FloatArray, hash_array
from factorprism.market.panels import ImageSet

IntArray = npt.NDArray[np.integer]


def windows(image_set: ImageSet) -> FloatArray:
    """Return all windows as one read-only view [n_windows, lookback, factor, channel].

    Window i ends at ``sessions[i + lookback - 1]``. No value is copied; a set that is shorter
    than `lookback` has no window.
    """
    return _window_view(image_set.cube, image_set.lookback)


def window_at(image_set: ImageSet, session: date) -> FloatArray:
    """Return the window that ends at `session`, a read-only view [lookback, factor, channel].

    Nothing after `session` is in it. Raises ``ValueError`` when `session` is not in the set or
    fewer than `lookback` sessions lead up to it.
    """
    window: FloatArray = windows(image_set)[_end_of(image_set, session) - image_set.lookback + 1]
    return window


def hash_window(image_set: ImageSet, session: date) -> str:
    """Return the SHA-256 (hex) of the window at `session`: values, factors, channels, sessions."""
    end = _end_of(image_set, session) + 1
    days = np.datetime_as_string(image_set.sessions[end - image_set.lookback : end])
    return hash_array(window_at(image_set, session), *image_set.factors, *image_set.channels, *days)


def hash_image_set(image_set: ImageSet) -> str:
    """Return the SHA-256 (hex) of the cube, its sessions and the names of its axes."""
    return hash_array(
        image_set.cube,
        *image_set.channels,
        *image_set.factors,
        *np.datetime_as_string(image_set.sessions.astype("datetime64[D]")),
        str(image_set.lookback),
    )


def complete_sessions(image_set: ImageSet) -> npt.NDArray[np.bool_]:
    """Return for each session whether a window ends there and has no missing cell."""
    n_sessions, lookback = len(image_set.sessions), image_set.lookback
    complete = np.zeros(n_sessions, dtype=np.bool_)
    if n_sessions < lookback:
        return complete
    # The maximum of a row is NaN as soon as one cell is; no mask of the cube's size is needed.
    missing = np.isnan(image_set.cube.reshape(n_sessions, -1).max(axis=1))
    counts = np.concatenate(([0], np.cumsum(missing)))
    complete[lookback - 1 :] = counts[lookback:] == counts[:-lookback]
    return complete


def gather_windows(cube: FloatArray, ends: IntArray, lookback: int) -> FloatArray:
    """Copy the windows of `cube` that end at rows `ends`: [n, lookback, factor, channel].

    `cube` is C-contiguous [session, factor, channel]; a window is one contiguous block of it.
    Ascending `ends` are copied fastest.

    Raises ``ValueError`` when an end has no full window before it or lies outside the cube.
    """
    if not cube.flags.c_contiguous or cube.ndim != 3:
        raise ValueError(
            f"cube: shape {cube.shape}, expected C-contiguous [session, ...] of rank 3"
        )
    if len(ends) and (ends.min() < lookback - 1 or ends.max() >= len(cube)):
        raise ValueError(
            f"ends: from {ends.min()} to {ends.max()}, allowed {lookback - 1} to {len(cube) - 1}"
        )
    gathered: FloatArray = _window_view(cube, lookback)[ends - (lookback - 1)]
    return gathered


def _window_view(cube: FloatArray, lookback: int) -> FloatArray:
    n_windows = max(len(cube) - lookback + 1, 0)
    shape = (n_windows, lookback, *cube.shape[1:])
    return as_strided(cube, shape, (cube.strides[0], *cube.strides), writeable=False)


def _end_of(image_set: ImageSet, session: date) -> int:
    day = np.datetime64(session, "D")
    end = int(np.searchsorted(image_set.sessions, day))
    known = end < len(image_set.sessions) and image_set.sessions[end] == day
    if not known or end + 1 < image_set.lookback:
        raise ValueError(
            f"session: {session} has no full window of {image_set.lookback} sessions in the set"
        )
    return end
