"""What an experiment is: a question, two sizes of work with a stated time, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from factorprism.experiments.history import History
from factorprism.learning import TrainingSettings

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95% block-bootstrap interval; NaN where it is not defined."""

    value: float
    lower: float
    upper: float


Cell = str | int | float | Estimate


@dataclass(frozen=True)
class ResultTable:
    """Rows of named columns, all rows with the same names.

    `name` is the ending of its file's name, empty for the main table. A table `of_times` holds
    wall times: it alone may differ between two runs with the same seed.
    """

    name: str
    title: str
    rows: tuple[Mapping[str, Cell], ...] = field(repr=False)
    of_times: bool = False

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError(f"rows: none in table {self.name!r}, expected one or more")
        for row in self.rows:
            if list(row) != list(self.rows[0]):
                raise ValueError(f"rows: columns {list(row)}, expected {list(self.rows[0])}")


@dataclass(frozen=True)
class Result:
    """What an experiment found: its tables, the answer in plain language, remarks, and pictures.

    `figures` gives for each ending of a file's name (empty for the main picture) what draws it at
    a path.
    """

    tables: tuple[ResultTable, ...]
    verdict: str
    remarks: tuple[str, ...] = ()
    figures: Mapping[str, Callable[[Path], Path]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ExperimentSize:
    """How much work is done: the recipe, the networks, and how many of the latest samples.

    `stated_seconds` is a bound for two idle cores: for quick sizes it was measured on the four
    indices of 2010 to 2020, for full ones reckoned from the measured seconds of one fold of each
    network on the HS300 of 2006 to 2025. `cut` says what this size leaves out of the question. The
    seed and the threads of `settings` are replaced by those of the configuration.
    """

    stated_seconds: int
    settings: TrainingSettings
    networks: tuple[str, ...]
    last_samples: int | None = None
    cut: str = ""

    def __post_init__(self) -> None:
        if self.stated_seconds < 1:
            raise ValueError(f"stated_seconds: {self.stated_seconds}, allowed are positive numbers")
        if not self.networks:
            raise ValueError("networks: none, allowed are one or more names")

    def with_seed(self, seed: int, threads: int) -> ExperimentSize:
        """Return this size with the seed and the number of threads of a configuration."""
        return replace(self, settings=replace(self.settings, seed=seed, threads=threads))

    def settings_of(self, network: str) -> TrainingSettings:
        """Return the recipe with `network` as the one to train."""
        return replace(self.settings, architecture=network)


@dataclass(frozen=True)
class Experiment:
    """One question, the two sizes in which it can be asked, and what asks it.

    `conduct` is a pure function of the history, the size and the seed in it; it reports its
    progress line by line, and raises `ConfigurationError` where the history cannot answer.
    """

    name: str
    question: str
    quick: ExperimentSize
    full: ExperimentSize
    conduct: Callable[[History, ExperimentSize, Tell], Result]

    def size(self, *, quick: bool) -> ExperimentSize:
        """Return the quick size or the full one."""
        return self.quick if quick else self.full
