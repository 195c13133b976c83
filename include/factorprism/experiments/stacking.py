"""Experiment `stacking`: does laying more indices over the target's image help the forecast?"""

from __future__ import annotations

from collections.abc import Mapping

from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import load_builtin_universes
from factorprism.experiments.comparison import Contestant, cut_folds, evaluate_contestants
from factorprism.experiments.conclusion import conclude
from factorprism.experiments.experiment import Experiment, ExperimentSize, Result, Tell
from factorprism.experiments.history import History, take_channels
from factorprism.learning import TrainingSettings

# The study's names, and the house's universe that has these indices.
STACKS = {"image1": "hs300", "image3": "image3", "image4": "image4"}
PAIRS = (("image3", "image1"), ("image4", "image1"), ("image4", "image3"))


def compare_stacks(history: History, size: ExperimentSize, tell: Tell) -> Result:
    """Train on one, three and four indices, and evaluate all on the same sessions.

    Raises `ConfigurationError` when the universe lacks one of the four indices.
    """
    stacks = find_stacks(history)
    whole = history.training_set(last_samples=size.last_samples)
    contestants = [
        Contestant(name, take_channels(whole, channels), size.settings_of(size.networks[0]))
        for name, channels in stacks.items()
    ]
    evaluated = evaluate_contestants(contestants, cut_folds(whole, size), tell)
    return conclude(
        evaluated,
        whole,
        PAIRS,
        size.settings.seed,
        column="images",
        title="One, three and four indices in the image",
        remarks=[f"{name}: {', '.join(channels)}." for name, channels in stacks.items()],
    )


def find_stacks(history: History) -> Mapping[str, tuple[str, ...]]:
    """Return the indices of each stack; raises `ConfigurationError` where one is not at hand."""
    builtin = load_builtin_universes()
    stacks = {name: builtin[universe].channels for name, universe in STACKS.items()}
    held = history.image_set.channels
    lacking = [symbol for symbol in stacks["image4"] if symbol not in held]
    if lacking or history.universe.target != stacks["image4"][0]:
        raise ConfigurationError(
            f"stacking compares four indices, and the universe {history.universe.name} "
            f"lacks {', '.join(lacking) or stacks['image4'][0] + ' as its target'}",
            remedy="Set FACTORPRISM_UNIVERSE=image4 with a source that has all four, and load "
            "their history: factorprism backfill --start DATE --end DATE.",
        )
    return stacks


STACKING = Experiment(
    name="stacking",
    question="Does an image of three or four indices laid over one another forecast better than "
    "that of one index?",
    quick=ExperimentSize(
        60,
        TrainingSettings(n_folds=1, fold_epochs=3),
        ("inception",),
        last_samples=1200,
        cut="one fold of 250 sessions on the latest 1,200 samples, three epochs",
    ),
    full=ExperimentSize(300, TrainingSettings(n_folds=6, fold_epochs=8), ("inception",)),
    conduct=compare_stacks,
)
