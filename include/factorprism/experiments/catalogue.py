"""The experiments by name; a new one is a file with an `Experiment` and one line here."""

from __future__ import annotations

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.channels import CHANNELS
from factorprism.experiments.depth import DEPTH
from factorprism.experiments.experiment import Experiment
from factorprism.experiments.horizon import HORIZON
from factorprism.experiments.original import ORIGINAL
from factorprism.experiments.padding import PADDING
from factorprism.experiments.refresh import REFRESH
from factorprism.experiments.stacking import STACKING
from factorprism.experiments.upsampling import UPSAMPLING

CATALOGUE: tuple[Experiment, ...] = (
    STACKING,
    PADDING,
    DEPTH,
    UPSAMPLING,
    HORIZON,
    ORIGINAL,
    CHANNELS,
    REFRESH,
)


def find_experiment(name: str) -> Experiment:
    """Return the experiment called `name`; raises `ConfigurationError` naming those that exist."""
    for experiment in CATALOGUE:
        if experiment.name == name:
            return experiment
    known = ", ".join(experiment.name for experiment in CATALOGUE)
    raise ConfigurationError(f"no experiment is called {name!r}", remedy=f"Known: {known}.")
