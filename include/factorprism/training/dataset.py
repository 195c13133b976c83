"""Images and labels as they were known at one session: what every training starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import LookAheadError
from factorprism.core.schemas import ImageSet
from factorprism.images import complete_sessions
from factorprism.training.labels import UNKNOWN, compute_forward_returns, compute_labels

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingSet:
    """An image set with the target's labels, as known at the close of `as_of`.

    `closes` and `forward_returns` are float64 [session] and `labels` int8 [session] on the
    sessions of `image_set`; row t of the last two reads the close of ``t + horizon``. `samples`
    are the rows, ascending, that can be learned from: their window is complete and their label
    has matured.
    """

    image_set: ImageSet
    closes: npt.NDArray[np.float64] = field(repr=False)
    labels: npt.NDArray[np.int8] = field(repr=False)
    forward_returns: npt.NDArray[np.float64] = field(repr=False)
    samples: Rows = field(repr=False)
    horizon: int
    as_of: date

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Lookback, factors and channels: the shape of one image."""
        return (self.image_set.lookback, *self.image_set.cube.shape[1:])

    def session_at(self, row: int) -> date:
        """Return the session of `row`."""
        session: date = self.image_set.sessions[row].astype("datetime64[D]").astype(date)
        return session

    def rows_after(self, session: date) -> Rows:
        """Return the samples whose session comes after `session`."""
        late = self.image_set.sessions[self.samples] > np.datetime64(session, "D")
        return self.samples[late]


def build_training_set(
    image_set: ImageSet, closes: npt.NDArray[np.float64], horizon: int, as_of: date
) -> TrainingSet:
    """Join images to labels; reads nothing after `as_of`.

    `closes` are the target's closing prices on the sessions of `image_set`, float64 [session];
    NaN makes the labels that read it unknown.

    Raises
    ------
    LookAheadError
        If a session after `as_of` is passed in.
    ValueError
        If the lengths differ.
    """
    if closes.shape != image_set.sessions.shape:
        raise ValueError(
            f"closes: shape {closes.shape}, expected one for each of the "
            f"{len(image_set.sessions)} sessions"
        )
    late = image_set.sessions[image_set.sessions > np.datetime64(as_of, "D")]
    if len(late):
        raise LookAheadError(
            f"the data hold {len(late)} sessions after {as_of}, the first is {late[0]}",
            remedy="Cut images and closes at the session that the training is meant for.",
        )
    labels = compute_labels(closes, horizon)
    returns = compute_forward_returns(closes, horizon)
    samples = np.flatnonzero(complete_sessions(image_set) & (labels != UNKNOWN))
    return TrainingSet(image_set, closes, labels, returns, samples, horizon, as_of)
