"""Cuts history into folds that stay where they are from week to week, and names each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from factorprism.core.arrays import hash_prefixes
from factorprism.evaluation.resampling import BLOCK_HORIZONS
from factorprism.learning.samples import TrainingSet
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import Split, anchored_folds, split_before
from factorprism.selection.contest._placebo import shift_labels, shuffle_labels
from factorprism.targets import LABEL

# Raise it when the same settings on the same data come to give other forecasts, or other keys.
RECIPE = 2
# Two shuffles, since one may look like knowledge by chance, and its folds are kept for years.
SHUFFLES = ("shuffled_labels", "reshuffled_labels")
SHIFTED = "shifted_labels"
PLACEBOS = (*SHUFFLES, SHIFTED)
# What decides a fold's forecasts; other settings speak of the candidate's own training.
_OF_ALL = ("seed", "validation_sessions", "calibration_sessions", "least_training_sessions")
_OF_NETWORKS = (
    "network",
    "threads",
    "stride",
    "batch_size",
    "learning_rate",
    "patience",
)


@dataclass(frozen=True)
class Fold:
    """One stretch of sessions out of sample.

    `market` is what was known when the last of their labels had matured. It has the labels of
    `placebo` where one is named. `split` cuts its samples.
    """

    number: int
    market: TrainingSet
    split: Split
    placebo: str = ""

    @property
    def n_sessions(self) -> int:
        """How many sessions of history the fold knows."""
        return len(self.market.closes)


def cut_folds(
    training_set: TrainingSet, settings: TrainingSettings, n_folds: int, placebo: str = ""
) -> Iterator[Fold]:
    """Yield the last `n_folds` folds, oldest first, numbered by their position in history.

    A fold evaluates ``settings.fold_sessions`` samples, the newest what there is of them. Its
    boundaries are counted from the first sample, so that a fold which is full stays the same in
    every later week. Each sees images and closes up to its last label and no further.

    Raises ``ValueError`` for a placebo that is not among `PLACEBOS`.
    """
    if placebo not in ("", *PLACEBOS):
        raise ValueError(f"placebo: {placebo!r}, allowed are '', {', '.join(PLACEBOS)}")
    sizes = settings.sizes(settings.fold_sessions)
    samples, horizon = training_set.samples, training_set.horizon
    span = 2 * horizon if placebo == SHIFTED else horizon
    for number, out_of_sample in anchored_folds(samples, horizon, n_folds, sizes):
        last = min(int(out_of_sample[-1]) + span, len(training_set.closes) - 1)
        known = cut_after(training_set, last)
        market = _with_placebo(known, placebo, settings.seed)
        rows = out_of_sample[out_of_sample <= market.samples[-1]]
        if len(rows) < horizon:  # the shifted labels of the newest fold have hardly matured
            continue
        split = split_before(market.samples, rows, market.horizon, sizes)
        yield Fold(number, market, split, placebo)


def cut_after(training_set: TrainingSet, last: int) -> TrainingSet:
    """Return `training_set` as it was known at the close of session row `last`.

    The images are a view: nothing of the cube is copied.
    """
    if last == len(training_set.closes) - 1:
        return training_set
    image_set, end = training_set.image_set, last + 1
    outcomes = training_set.target.compute_outcomes(training_set.closes[:end], training_set.horizon)
    samples = training_set.samples[training_set.samples < end]
    return replace(
        training_set,
        image_set=replace(image_set, sessions=image_set.sessions[:end], cube=image_set.cube[:end]),
        closes=training_set.closes[:end],
        outcomes=outcomes,
        samples=samples[~np.isnan(outcomes[LABEL][samples])],
        as_of=training_set.session_at(last),
    )


def _with_placebo(known: TrainingSet, placebo: str, seed: int) -> TrainingSet:
    if placebo in SHUFFLES:
        block = BLOCK_HORIZONS * known.horizon
        return shuffle_labels(known, block, seed + SHUFFLES.index(placebo))
    return shift_labels(known) if placebo == SHIFTED else known


def hash_histories(training_set: TrainingSet, lengths: Iterable[int]) -> dict[int, str]:
    """Return the SHA-256 (hex) of the first so many sessions of the data, by their number.

    The digest covers channels, factors and lookback, and the days, closes and cells of these
    sessions. It follows from them alone, whatever else is asked for, and one pass gives all.
    """
    image_set = training_set.image_set
    names = "\n".join((*image_set.channels, *image_set.factors, str(image_set.lookback)))
    ends = sorted(set(lengths))
    days = image_set.sessions.astype("datetime64[D]").astype("<i8")
    parts = [hash_prefixes(column, ends) for column in (days, training_set.closes, image_set.cube)]
    return {
        end: hashlib.sha256("\n".join((names, *digests)).encode()).hexdigest()
        for end, *digests in zip(ends, *parts, strict=True)
    }


def describe_settings(settings: TrainingSettings, *, network: bool) -> dict[str, object]:
    """Return what of `settings` a fold's forecasts depend on, as JSON."""
    values = asdict(settings)
    chosen = {name: values[name] for name in _OF_ALL}
    if network:
        chosen |= {name: values[name] for name in _OF_NETWORKS}
        chosen |= {
            "architecture": settings.architecture,
            "network": dict(settings.network),
            "epochs": min(settings.epochs, settings.fold_epochs),
        }
    return chosen


def make_fold_key(
    fold: Fold, data_hash: str, entrant: str, settings: Mapping[str, object], signal: str
) -> str:
    """Return the SHA-256 (hex) of everything that the forecasts of `fold` follow from."""
    out_of_sample = [
        str(fold.market.session_at(int(row))) for row in fold.split.out_of_sample[[0, -1]]
    ]
    content = {
        "recipe": RECIPE,
        "signal": signal,
        "target": fold.market.target.name,
        "data": data_hash,
        "horizon": fold.market.horizon,
        # Keys of folds that are held were hashed with this name.
        "judged": out_of_sample,
        "entrant": entrant,
        "settings": dict(settings),
        "placebo": fold.placebo,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
