"""Skill over a moving window, with an interval by whole blocks of neighbouring sessions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

RESAMPLES = 500
SEED = 14


@dataclass(frozen=True, eq=False)
class SkillCurve:
    """Skill of the window that ends with row ``ends[i]``; its 95% interval beside it."""

    window: int
    ends: npt.NDArray[np.intp]
    skill: Column
    lower: Column
    upper: Column


def roll_skill(
    scores: Column, base_scores: Column, *, window: int, step: int, block: int
) -> SkillCurve | None:
    """Return the skill of each `window` of forecasts, every `step` of them; None if too few.

    `scores` of the forecasts and of the reference, [forecast], in the order of their sessions.
    """
    if len(scores) < window:
        return None
    ends = np.arange(len(scores) - 1, window - 2, -step)[::-1]
    both = np.stack([scores, base_scores], axis=1)
    figures = [_resample(both[end - window + 1 : end + 1], block) for end in ends]
    skill, lower, upper = np.array(figures).T
    return SkillCurve(window, ends, skill, lower, upper)


def compute_skill(scores: Column, base_scores: Column, *, block: int) -> tuple[float, float, float]:
    """Return 1 - mean of `scores` / mean of `base_scores` [forecast], and its 95% interval."""
    return _resample(np.stack([scores, base_scores], axis=1), block)


def _resample(scores: Column, block: int) -> tuple[float, float, float]:
    """Return 1 - ratio of the summed `scores` [forecast, 2], and its 95% percentile interval.

    Circular blocks (Politis and Romano 1992), as `evaluation.resampling` draws them. Both
    sums of a block are differences of running sums, so that a resample costs a few additions:
    a page shows hundreds of windows.
    """
    n = len(scores)
    starts, ends = _draw_blocks(n, max(1, min(block, n)))
    # Twice over, so that a block that runs past the last forecast goes on with the first.
    running = np.concatenate([np.zeros((1, 2)), np.cumsum(np.concatenate([scores, scores]), 0)])
    sums = running[ends].sum(axis=1) - running[starts].sum(axis=1)
    total = scores.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = 1.0 - sums[:, 0] / sums[:, 1]
        skill = float(1.0 - total[0] / total[1])
    lower, upper = np.percentile(drawn, [2.5, 97.5])
    return skill, float(lower), float(upper)


@lru_cache(maxsize=4)
def _draw_blocks(n: int, length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return first rows and ends of the blocks of all resamples of `n` rows, [resample, block]."""
    n_blocks = -(-n // length)
    starts = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n_blocks))
    lengths = np.full(n_blocks, length)
    lengths[-1] = n - length * (n_blocks - 1)
    return starts, starts + lengths
