"""Shapley values of an image's parts: what each adds, averaged over the orders of showing them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from factorprism.forecasts.explain._players import (
    BLOCK_SESSIONS,
    Coalitions,
    Players,
    Shares,
    Values,
    find_players,
)
from factorprism.forecasts.predict import Window
from factorprism.models import ModelBundle

FORWARDS = 512  # images that the network reads for one explanation, where two orders take fewer


def compute_shapley(
    bundle: ModelBundle,
    window: Window,
    *,
    seed: int,
    forwards: int = FORWARDS,
    block_sessions: int = BLOCK_SESSIONS,
) -> Shares:
    """Return the Shapley values of the parts of `window` in `bundle`'s logit; parts not shown are
    the training median.

    They are estimated from as many pairs of orders as `forwards` images allow, one at least: a
    random order of the parts and its reverse (Castro et al. 2009, "Polynomial calculation of the
    Shapley value based on sampling"; Mitchell et al. 2022, "Sampling permutations for Shapley
    value estimation", section 4). Whatever the orders, the values sum to the logit minus that of
    the median image. `figures` hold the number of orders, of images, and, from two pairs on, the
    largest standard error. The same `seed` gives the same values.
    """
    players = find_players(bundle, window, block_sessions)
    pairs = max(1, forwards // max(2 * (players.count - 1), 1))
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(players.count) for _ in range(pairs)]
    added, ends = _walk(players, np.array([o for order in orders for o in (order, order[::-1])]))
    by_pair = added.reshape(pairs, 2, players.count).mean(axis=1)
    figures = {"orders": 2 * pairs, "images": 2 * pairs * (players.count - 1) + 2}
    if pairs > 1:
        errors = by_pair.std(axis=0, ddof=1) / np.sqrt(pairs)
        figures["standard_error_max"] = errors.max()
    return players.tell("shapley", bundle, window, ends, by_pair.mean(axis=0), figures)


def _walk(players: Players, orders: npt.NDArray[np.int64]) -> tuple[Values, tuple[float, float]]:
    """Return what each part adds in each order, [order, part], and the logits of all and none."""
    n_orders, count = orders.shape
    ranks = np.argsort(orders, axis=1)
    # After step s a part is shown if it came among the first s.
    steps = np.arange(1, count)[np.newaxis, :, np.newaxis]
    inner: Coalitions = (ranks[:, np.newaxis] < steps).reshape(-1, count)
    both = np.repeat([[True], [False]], count, axis=1)
    logits = players.read(np.concatenate([both, inner]))
    path = np.empty((n_orders, count + 1))
    path[:, 0], path[:, -1] = logits[1], logits[0]
    path[:, 1:-1] = logits[2:].reshape(n_orders, count - 1)
    added = np.take_along_axis(np.diff(path, axis=1), ranks, axis=1)
    return added, (float(logits[0]), float(logits[1]))
