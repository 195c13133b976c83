"""What a baseline is before calibration: a fit that returns a score for any row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.returns import Column
from factorprism.training.splits import Split

# Log-odds of a rise, float64 [sample], from images and closes up to each row.
Score = Callable[[TrainingSet, Rows], Column]
# Fits on `train`, may choose by `validation`, and reads no other part; the seed comes last.
FitScore = Callable[[TrainingSet, Split, int], Score]


@dataclass(frozen=True, eq=False)
class Reasons:
    """What the score of one image is owed to, in log-odds before calibration.

    `by_cell` is float64 [factor, channel]; it sums to `score` minus `expected`, the score of an
    average training image.
    """

    score: float
    expected: float
    by_cell: npt.NDArray[np.float64] = field(repr=False)
