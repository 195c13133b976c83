"""Shapley values of an image's parts: what each adds, averaged over the orders of showing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from factorprism.forecasts.explain._feature_groups import (
    BLOCK_SESSIONS,
    FeatureGroups,
    Shares,
    Values,
    find_feature_groups,
)
from factorprism.forecasts.predict import ImageWindow
from factorprism.learning.baselines.shap_loader import load_shap
from factorprism.models import ModelBundle

FORWARDS = 512  # images that the network reads for one explanation, where two orders take fewer


def compute_shapley(
    bundle: ModelBundle,
    window: ImageWindow,
    *,
    seed: int,
    forwards: int = FORWARDS,
    block_sessions: int = BLOCK_SESSIONS,
) -> Shares:
    """Return the Shapley values of the parts of `window` in `bundle`'s output.

    A part that is not shown is the training median. The values are estimated from as many pairs of
    orders as `forwards` images allow, one at least: a random order of the parts and its reverse
    (shap's permutation explainer; Castro et al. 2009, "Polynomial calculation of the Shapley value
    based on sampling"; Mitchell et al. 2022, "Sampling permutations for Shapley value estimation",
    section 4). Where no more than two parts act together, one pair gives them exactly; whatever the
    orders, they sum to the output minus that of the median image. `figures` hold the number of
    orders, of images, and, from two pairs on, the largest standard error. The same `seed` gives the
    same values.
    """
    parts = find_feature_groups(bundle, window, block_sessions)
    pairs = max(1, forwards // _images_of(parts))
    ends = parts.read(np.repeat([[True], [False]], parts.count, axis=1))
    by_pair = compute_by_pair(parts, pairs, seed)
    figures = {"orders": 2 * pairs, "images": pairs * _images_of(parts) + len(ends)}
    if pairs > 1:
        errors = by_pair.std(axis=0, ddof=1) / np.sqrt(pairs)
        figures["standard_error_max"] = errors.max()
    both = (float(ends[0]), float(ends[1]))
    return parts.tell("shapley", bundle, window, both, by_pair.mean(axis=0), figures)


def compute_by_pair(parts: FeatureGroups, pairs: int, seed: int) -> Values:
    """Return what each part adds by each pair of a random order and its reverse, [pair, part]."""

    def read(shown: npt.NDArray[np.float64]) -> Values:
        return parts.read(shown.astype(bool))

    nothing, everything = np.zeros((1, parts.count)), np.ones((1, parts.count))
    with _random_state_kept():
        explainer = load_shap().PermutationExplainer(read, nothing, seed=seed)
        # One pair a call, so that it is known how far the pairs differ.
        by_pair = [
            explainer(everything, max_evals=_images_of(parts), silent=True).values[0]
            for _ in range(pairs)
        ]
    return np.array(by_pair, dtype=np.float64)


def _images_of(parts: FeatureGroups) -> int:
    """Return the number of images of one pair: none shown, one more each time, one less again."""
    return 2 * parts.count + 1


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Give numpy's global random state back as it was: shap seeds it and draws from it."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
