"""A local surrogate: the straight line that imitates the network around one image (LIME)."""

from __future__ import annotations

import numpy as np

from factorprism.forecasts.explain._feature_groups import (
    BLOCK_SESSIONS,
    Shares,
    find_feature_groups,
)
from factorprism.forecasts.predict import ImageWindow
from factorprism.models import ModelBundle

SAMPLES = 512
WIDTH = 0.25  # of the kernel, in cosine distance
RIDGE = 0.1
HELD_BACK = 4  # one sample in so many only evaluates the fit


def compute_surrogate(
    bundle: ModelBundle,
    window: ImageWindow,
    *,
    seed: int,
    samples: int = SAMPLES,
    block_sessions: int = BLOCK_SESSIONS,
) -> Shares:
    """Return the weights of a ridge regression that imitates `bundle`'s output around `window`.

    Ribeiro, Singh and Guestrin 2016, "Why should I trust you?", section 3: the image with random
    parts at the training median, their number drawn uniformly, weighted by exp(-(d / 0.25)^2) of
    their cosine distance d from the whole image. The weights need not sum to anything. `figures`
    hold the number of samples, the intercept and `r2`, the weighted R2 on a quarter of the samples
    that the fit has not seen: where it is low, no straight line describes the network here, and
    the weights mean little. The same `seed` gives the same weights.

    Raises ``ValueError`` for fewer than 8 samples.
    """
    from sklearn.linear_model import Ridge

    if samples < 2 * HELD_BACK:
        raise ValueError(f"samples: {samples}, allowed are whole numbers from {2 * HELD_BACK}")
    parts = find_feature_groups(bundle, window, block_sessions)
    generator = np.random.default_rng(seed)
    kept = generator.integers(1, parts.count + 1, samples)
    ranks = generator.random((samples, parts.count)).argsort(axis=1).argsort(axis=1)
    shown = ranks < kept[:, np.newaxis]
    ends = np.repeat([[True], [False]], parts.count, axis=1)
    logits = parts.read(np.concatenate([ends, shown]))
    nearness = np.exp(-np.square((1.0 - np.sqrt(kept / parts.count)) / WIDTH))
    held_back = np.arange(samples) % HELD_BACK == 0
    line = Ridge(RIDGE).fit(shown[~held_back], logits[2:][~held_back], nearness[~held_back])
    figures = {
        "samples": samples,
        "intercept": line.intercept_,
        "r2": line.score(shown[held_back], logits[2:][held_back], nearness[held_back]),
    }
    both = (float(logits[0]), float(logits[1]))
    return parts.tell("surrogate", bundle, window, both, line.coef_, figures)
