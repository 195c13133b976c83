"""How long does an entrant take on this machine? A few steps of real work, scaled to a fold."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from factorprism.learning.recipe import train_split
from factorprism.learning.splits import Split
from factorprism.models.backend import forget_networks
from factorprism.selection.contest._entrants import Entrant
from factorprism.selection.contest._folds import Fold

# Batches that a network is tried on, and rows that a baseline is.
PROBE_STEPS = 8
PROBE_ROWS = 512


@dataclass(frozen=True)
class Effort:
    """Seconds of one training: `once` whatever its length, `each` for an epoch over its rows."""

    once: float
    each: float

    def seconds(self, epochs: int = 1) -> float:
        """Return what a training of so many epochs takes, if nothing stops it early."""
        return self.once + epochs * self.each


def probe_fold(entrant: Entrant, fold: Fold) -> float:
    """Return the seconds that `entrant` takes for `fold` here; the result of the try is dropped.

    An upper bound for a network, which may stop early.
    """
    settings = entrant.settings
    if not entrant.is_network:
        return probe_baseline(entrant, fold).seconds()
    effort = probe_network(entrant, fold)
    return effort.seconds(min(settings.epochs, settings.fold_epochs))


def probe_network(entrant: Entrant, fold: Fold) -> Effort:
    """Train `PROBE_STEPS` batches twice: the second epoch is free of what is done once."""
    settings = entrant.settings
    rows = fold.split.train[-PROBE_STEPS * settings.batch_size :]
    tried = replace(settings, stride=1, epochs=2, fold_epochs=2, patience=2)
    started = time.perf_counter()
    trained = train_split(fold.market, _shortened(fold.split, len(rows)), tried, fold=True)
    elapsed = time.perf_counter() - started
    forget_networks()
    first, second = (epoch["seconds"] for epoch in trained.fit.history)
    share = len(fold.split.train) / settings.stride / len(rows)
    # The first epoch builds what the second finds; the rest is the scale and the calibration.
    return Effort(once=elapsed - 2.0 * min(first, second), each=second * max(share, 1.0))


def probe_baseline(entrant: Entrant, fold: Fold) -> Effort:
    """Fit on `PROBE_ROWS` rows twice: the second fit is free of what a library loads."""
    rows = min(PROBE_ROWS, len(fold.split.train))
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        fitted = entrant.make_forecaster().fit(fold.market, _shortened(fold.split, rows))
        fitted.forecast_rows(fold.market, fold.split.out_of_sample)
        seconds.append(time.perf_counter() - started)
    first, second = seconds
    share = len(fold.split.train) / rows
    return Effort(once=max(0.0, first - second), each=second * share)


def _shortened(split: Split, rows: int) -> Split:
    return replace(split, train=split.train[-rows:])
