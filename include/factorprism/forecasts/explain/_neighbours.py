"""Finds the past images most like the day's, what followed them, and whether any is like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.forecasts.explain._feature_groups import BATCH
from factorprism.forecasts.predict import ImageWindow
from factorprism.images import complete_sessions, gather_windows
from factorprism.market.panels import ImageSet
from factorprism.models import ModelBundle, cut_before_logit

Values = npt.NDArray[np.float64]
Embedder = Callable[[FloatArray], Values]

NOVELTY_QUANTILE = 0.99
GATHERED = 8 * BATCH  # windows copied at a time
LEAST_SPREAD = 1e-6  # of an embedding's dimension; below it the network leaves it unused


@dataclass(frozen=True)
class Neighbour:
    """A past image and what came after it; `forward_return` is a fraction, known by its end."""

    session: date
    outcome_end: date
    distance: float
    forward_return: float


@dataclass(frozen=True)
class NearestNeighbours:
    """The past images nearest to that of `session`; `novel` when none of them is near enough."""

    session: date
    neighbours: tuple[Neighbour, ...]
    novel: bool
    distance: float
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form."""
        return {
            "session": self.session.isoformat(),
            "novel": self.novel,
            "distance": self.distance,
            "threshold": self.threshold,
            "neighbours": [
                {
                    "session": neighbour.session.isoformat(),
                    "outcome_end": neighbour.outcome_end.isoformat(),
                    "distance": neighbour.distance,
                    "forward_return": neighbour.forward_return,
                }
                for neighbour in self.neighbours
            ],
        }


@dataclass(frozen=True, eq=False)
class NeighbourIndex:
    """The embedded images of matured sessions, as known at the close of `as_of`.

    `points` is float64 [n, d] in units of `scale` (standardised). `rows` number the images'
    sessions among those of the set that they come from. An image is compared only with images that
    share no session with it: yesterday's is always like today's.

    The distance is standardised Euclidean, divided by the root of d: 1 means one standard
    deviation of the training images in each dimension. Dimensions that do not move are left out.
    """

    embed: Embedder = field(repr=False)
    points: Values = field(repr=False)
    scale: Values = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)
    sessions: DayArray = field(repr=False)
    outcome_ends: DayArray = field(repr=False)
    forward_returns: Values = field(repr=False)
    lookback: int
    as_of: date
    threshold: float

    def find(self, window: ImageWindow, count: int = 5) -> NearestNeighbours:
        """Return the `count` past images nearest to `window`, nearest first.

        No two of them share a session, nor one of them with `window`, and what followed each was
        known at the close of `window`'s session and of `as_of`. There are fewer when history does
        not hold as many. Raises ``ValueError`` when it holds none, or cells are missing.
        """
        if count < 1:
            raise ValueError(f"count: {count}, allowed are whole numbers from 1")
        distances = self._measure(window)
        chosen: list[int] = []
        for index in np.argsort(distances, kind="stable"):
            if len(chosen) == count or not np.isfinite(distances[index]):
                break
            if all(abs(self.rows[index] - self.rows[held]) >= self.lookback for held in chosen):
                chosen.append(int(index))
        nearest = float(distances[chosen[0]])
        return NearestNeighbours(
            window.session,
            tuple(self._describe(index, float(distances[index])) for index in chosen),
            nearest > self.threshold,
            nearest,
            self.threshold,
        )

    def _measure(self, window: ImageWindow) -> Values:
        """Return the distance to each image, infinite for those that may not be compared."""
        if not np.isfinite(window.values).all():
            raise ValueError("window: cells are missing, allowed are complete images")
        point = self.embed(window.values[np.newaxis])[0] * _inverse(self.scale)
        allowed = (self.sessions < window.sessions[0].astype("datetime64[D]")) & (
            self.outcome_ends <= np.datetime64(window.session, "D")
        )
        if not allowed.any():
            raise ValueError(
                f"window: no image of the index, which starts at {self.sessions[0]}, ended before "
                f"{window.sessions[0]}"
            )
        distances = np.sqrt(np.square(self.points - point).sum(axis=1) / _used(self.scale))
        return np.where(allowed, distances, np.inf)

    def _describe(self, index: int, distance: float) -> Neighbour:
        return Neighbour(
            self.sessions[index].astype(date),
            self.outcome_ends[index].astype(date),
            distance,
            float(self.forward_returns[index]),
        )


def embed_windows(bundle: ModelBundle) -> Embedder:
    """Return the function from un-normalised windows to `bundle`'s hidden layer, float64 [n, d].

    It takes [n, lookback, factor, channel] and gives what the logit is a weighted sum of; a layer
    that is still a map is averaged over its cells.
    """
    hidden = cut_before_logit(bundle.network)
    # A network that was never compiled would predict through XLA, slower on a CPU.
    hidden.compile(jit_compile=False)

    def embed(windows: FloatArray) -> Values:
        images = bundle.normaliser.transform(windows)
        layer = np.asarray(hidden.predict(images, batch_size=BATCH, verbose=0), dtype=np.float64)
        return layer.mean(axis=(1, 2)) if layer.ndim == 4 else layer.reshape(len(layer), -1)

    return embed


def build_neighbour_index(
    image_set: ImageSet,
    closes: npt.NDArray[np.float64],
    horizon: int,
    as_of: date,
    embed: Embedder,
    *,
    quantile: float = NOVELTY_QUANTILE,
) -> NeighbourIndex:
    """Return the index of the complete images whose outcome is known at the close of `as_of`.

    Parameters
    ----------
    image_set, closes
        Images, and the target's closes on their sessions, float64 [session]; rows after `as_of`
        are not read. A NaN close leaves out the images whose outcome it is part of.
    quantile
        The novelty threshold is this quantile of the distances from each image to the nearest
        that shares no session with it, so that about 1 - quantile of images like those of
        training are called novel.

    Raises
    ------
    ValueError
        If no image has a matured outcome and another that shares no session with it.
    """
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile: {quantile}, allowed is (0, 1)")
    rows, returns = _matured(image_set, closes, horizon, as_of)
    if not len(rows) or rows[-1] - rows[0] < image_set.lookback:
        raise ValueError(
            f"image_set: {len(rows)} images have an outcome by {as_of}, too few to compare"
        )
    embedded = [
        embed(gather_windows(image_set.cube, rows[start : start + GATHERED], image_set.lookback))
        for start in range(0, len(rows), GATHERED)
    ]
    points = np.concatenate(embedded)
    spread = points.std(axis=0)
    scale = np.where(spread > LEAST_SPREAD * np.abs(points).max(axis=0), spread, 0.0)
    points = points * _inverse(scale)
    nearest = _nearest_apart(points, rows, image_set.lookback) / np.sqrt(_used(scale))
    days = image_set.sessions.astype("datetime64[D]")
    return NeighbourIndex(
        embed,
        points,
        scale,
        rows,
        days[rows],
        days[rows + horizon],
        returns,
        image_set.lookback,
        as_of,
        float(np.quantile(nearest[np.isfinite(nearest)], quantile)),
    )


def _matured(
    image_set: ImageSet,
    closes: npt.NDArray[np.float64],
    horizon: int,
    as_of: date,
) -> tuple[npt.NDArray[np.int64], Values]:
    """Return the rows whose image is complete and outcome known at `as_of`, and the returns."""
    if closes.shape != image_set.sessions.shape:
        raise ValueError(
            f"closes: shape {closes.shape}, expected one for each of the "
            f"{len(image_set.sessions)} sessions"
        )
    if horizon < 1:
        raise ValueError(f"horizon: {horizon}, allowed are positive whole numbers")
    known = int(np.searchsorted(image_set.sessions, np.datetime64(as_of, "D"), side="right"))
    matured = max(known - horizon, 0)
    returns = closes[horizon : matured + horizon] / closes[:matured] - 1.0
    usable = complete_sessions(image_set)[:matured] & np.isfinite(returns)
    rows = np.flatnonzero(usable)
    return rows, returns[rows]


def _nearest_apart(points: Values, rows: npt.NDArray[np.int64], lookback: int) -> Values:
    """Return each point's Euclidean distance to the nearest at least `lookback` rows away."""
    squares = np.square(points).sum(axis=1)
    nearest = np.empty(len(points))
    for start in range(0, len(points), BATCH):
        part = slice(start, start + BATCH)
        between = squares[part, np.newaxis] + squares - 2.0 * points[part] @ points.T
        apart = np.abs(rows[part, np.newaxis] - rows) >= lookback
        nearest[part] = np.where(apart, np.maximum(between, 0.0), np.inf).min(axis=1)
    return np.sqrt(nearest)


def _inverse(scale: Values) -> Values:
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)


def _used(scale: Values) -> int:
    return max(int(np.count_nonzero(scale)), 1)
