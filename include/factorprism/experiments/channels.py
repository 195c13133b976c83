"""Experiment `channels`: do the indices lead one another? Each is left out once, and read alone."""

from __future__ import annotations

from collections.abc import Mapping

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.comparison import Contestant, cut_folds, evaluate_contestants
from factorprism.experiments.conclusion import conclude
from factorprism.experiments.experiment import Experiment, ExperimentSize, Result, Tell
from factorprism.experiments.history import History, take_channels
from factorprism.learning import TrainingSettings

ALL = "all"


def ablate_channels(history: History, size: ExperimentSize, tell: Tell) -> Result:
    """Train on all channels, on all but one, and on each alone; evaluate all on the same sessions.

    What is forecast stays the universe's target, whether its own image is shown or not. Raises
    `ConfigurationError` for a universe of one channel.
    """
    choices = choose_channels(history)
    whole = history.training_set(last_samples=size.last_samples)
    settings = size.settings_of(size.networks[0])
    contestants = [
        Contestant(name, take_channels(whole, channels), settings)
        for name, channels in choices.items()
    ]
    evaluated = evaluate_contestants(contestants, cut_folds(whole, size), tell)
    target = history.universe.target
    return conclude(
        evaluated,
        whole,
        [(ALL, name) for name in choices if name != ALL],
        size.settings.seed,
        column="images",
        title=f"Which index says something about {target}",
        remarks=[
            f"An index leads {target} where the images of all forecast better than those without "
            "it, or where its own images alone show skill.",
        ],
    )


def choose_channels(history: History) -> Mapping[str, tuple[str, ...]]:
    """Return the channels of each contestant by its name: all, without one, one alone."""
    held = history.image_set.channels
    if len(held) < 2:
        raise ConfigurationError(
            f"there is nothing to leave out: the universe {history.universe.name} has the images "
            f"of {held[0]} alone",
            remedy="Set FACTORPRISM_UNIVERSE to one with overlays, such as image4, and load its "
            "history: factorprism backfill --start DATE --end DATE.",
        )
    choices = {ALL: held}
    # Of two, leaving one out is reading the other alone.
    if len(held) > 2:
        for symbol in held:
            choices[f"without {symbol}"] = tuple(other for other in held if other != symbol)
    return choices | {f"{symbol} alone": (symbol,) for symbol in held}


CHANNELS = Experiment(
    name="channels",
    question="Do the indices lead one another: does the target's forecast need the others' images?",
    quick=ExperimentSize(
        100,
        TrainingSettings(n_folds=1, fold_epochs=2),
        ("inception",),
        last_samples=1200,
        cut="one fold of 250 sessions on the latest 1,200 samples, two epochs",
    ),
    full=ExperimentSize(720, TrainingSettings(n_folds=6, fold_epochs=8), ("inception",)),
    conduct=ablate_channels,
)
