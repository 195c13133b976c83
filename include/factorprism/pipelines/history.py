"""A universe's whole history as the warehouse holds it: images, closes, training sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.errors import ConfigurationError
from factorprism.factors import CATALOGUE, catalogue_hash
from factorprism.images import align_panels
from factorprism.learning import TrainingSet, TrainingSettings, build_training_set, least_samples
from factorprism.market.bars import hash_bars
from factorprism.market.panels import ImageSet
from factorprism.pipelines._image_sets import load_image_set
from factorprism.pipelines._run import Run


def align_history(run: Run) -> ImageSet:
    """Return the images of the universe's channels through the run's session, and none later.

    Raises `ConfigurationError` when the warehouse holds no bars of a channel.
    """
    universe = run.universe
    panels = []
    for symbol in universe.channels:
        extent = run.ports.warehouse.bars.load_extent(symbol)
        if extent is None:
            raise ConfigurationError(
                f"the warehouse holds no bars of {symbol}",
                remedy=f"Load its history: factorprism backfill --signal {run.signal.name}.",
            )
        panels.append(
            run.ports.warehouse.factors.load_factors(
                symbol, catalogue_hash(), extent[0], run.session
            )
        )
    return align_panels(panels, universe, run.signal.lookback, last=run.session)


def align_closes(bars: pd.DataFrame, symbol: str, sessions: DayArray) -> npt.NDArray[np.float64]:
    """Return the closes of `symbol` on `sessions`, float64 [session]; NaN where unknown."""
    closes = bars[bars["symbol"] == symbol].set_index("session")["close"]
    return closes.reindex(sessions.astype("datetime64[us]")).to_numpy("float64")


def load_closes(run: Run) -> npt.NDArray[np.float64]:
    """Return all closes of the target through the run's session, float64 [session]."""
    symbol = run.universe.target
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None:
        return np.empty(0)
    bars = run.ports.warehouse.bars.load_bars([symbol], extent[0], run.session)
    days = run.calendar.sessions(extent[0], run.session)
    return align_closes(bars, symbol, days)


def join_closes(run: Run, image_set: ImageSet) -> tuple[TrainingSet, str]:
    """Return `image_set` with the target's closes through the session, and the bars' hash."""
    first: date = image_set.sessions[0].astype(date)
    target = run.universe.target
    bars = run.ports.warehouse.bars.load_bars(run.universe.channels, first, run.session)
    closes = align_closes(bars, target, image_set.sessions)
    training_set = build_training_set(
        image_set, closes, run.target, run.signal.horizon, as_of=run.session
    )
    return training_set, hash_bars(bars)


def load_training_set(run: Run, context: Mapping[str, Any]) -> tuple[TrainingSet, str]:
    """Return the images that `context` names, joined to the target's closes, and the bars' hash."""
    return join_closes(
        run, fetch_image_set(run, context["image_set_path"], context["image_set_hash"])
    )


def fetch_image_set(run: Run, store_path: str, content_hash: str) -> ImageSet:
    """Return the image set at `store_path` in the run's store; raises as `load_image_set` does."""
    cache = run.config.home / "image-sets"
    return load_image_set(store_path, content_hash, run.config.artefacts_url, cache)


def sessions_before_first_image(lookback: int) -> int:
    """Return how many sessions of history lie before the session of the first complete image."""
    return lookback - 1 + max(factor.lookback for factor in CATALOGUE)


def require_training_history(run: Run, image_set: ImageSet) -> None:
    """Raise `ConfigurationError` where `image_set` is too short for a training, saying by how much.

    A sample needs a complete image before it and its label's horizon after it.
    """
    settings = training_settings(run)
    samples = len(join_closes(run, image_set)[0].samples)
    sizes = (settings.sizes(settings.holdout_sessions), settings.sizes(settings.fold_sessions))
    needed = least_samples(run.signal.horizon, *sizes)
    if samples >= needed:
        return
    around = sessions_before_first_image(run.signal.lookback) + run.signal.horizon
    raise ConfigurationError(
        f"{len(image_set.sessions)} sessions of {run.universe.name} through {run.session} "
        f"are too few to train on: {needed + around} are needed ({needed} that can be learned "
        f"from, there are {samples})",
        remedy="Load a longer history: factorprism backfill --start DATE --end DATE "
        f"--signal {run.signal.name}.",
    )


def training_settings(run: Run) -> TrainingSettings:
    """Return how the run's configuration wants networks to be trained."""
    config = run.config
    return TrainingSettings(
        architecture=run.signal.model,
        seed=config.seed,
        epochs=config.epochs,
        threads=config.threads,
        holdout_sessions=config.holdout_sessions,
        frozen_layers=tuple(config.frozen_layers.replace(",", " ").split()),
        members=config.ensemble_members,
    )
