"""What a target is: a question asked of the future, and all that follows from the question.

A target works on plain columns: closes and outcomes [session], outputs of a network or a baseline
[sample, output], forecasts and losses [sample]. How images are cut, networks fitted and intervals
drawn is the same for every target and stands in the rooms above.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
Columns = Mapping[str, Column]
Outputs = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Folds = npt.NDArray[np.datetime64]
# How often each resample draws each sample, float64 [resample, sample].
Weights = npt.NDArray[np.float64]
# What is measured in each resample, float64 [resample, metric].
Figures = npt.NDArray[np.float64]
# What is learned beside weights, by name: base forecasts, a calibration. It is kept as JSON.
Numbers = Mapping[str, float]

# A head of mean and log variance: a variance beyond these ends says nothing of standardised labels.
LOG_VARIANCE_LIMIT = (-6.0, 6.0)

LABEL, FORWARD_RETURN = "label", "forward_return"


@dataclass(frozen=True, eq=False)
class Known:
    """The symbol that a target is about, as known at the close of the last session.

    `closes` and every column of `outcomes` are float64 [session], NaN where unknown. Row t of an
    outcome reads closes up to ``t + horizon``. `lookback` counts the sessions of one image.
    """

    closes: Column = field(repr=False)
    outcomes: Columns = field(repr=False)
    horizon: int
    lookback: int

    @property
    def labels(self) -> Column:
        return self.outcomes[LABEL]


# Outputs of some rows, [sample, output], from closes up to each row.
Score = Callable[[Known, Rows], Outputs]
# Learns a score from the rows given.
Rule = Callable[[Known, Rows], Score]


@dataclass(frozen=True)
class NetworkHead:
    """How a network answers: with so many outputs an image, learned by the loss of this name."""

    outputs: int
    loss: str


@dataclass(frozen=True)
class LabelScale:
    """What a network learns in place of the label: (label - centre) / spread."""

    centre: float = 0.0
    spread: float = 1.0

    def apply(self, labels: Column) -> Column:
        return (labels - self.centre) / self.spread


@dataclass(frozen=True)
class Baseline:
    """A plain forecaster that the networks are held against.

    It follows its `rule`, or is the learner of its name in ``learning.baselines``. `calibrated`
    tells whether its outputs go through the target's calibration, `slow` whether its library takes
    many seconds to compile, `explained` whether what it learned can be read off its features
    and its forecast follows from its score alone.
    """

    name: str
    rule: Rule | None = field(default=None, repr=False)
    calibrated: bool = True
    slow: bool = False
    explained: bool = False


@dataclass(frozen=True)
class TargetWords:
    """How sentences call the figures of a target; `unit` is that of the loss.

    `headline` names what is shown first; `claim` follows its figure and says what it is, with
    ``%(symbol)s``, ``%(session)s`` and ``%(end)s`` in it; `basis` says what the reference is
    taken from. `output` is what a network's first output is, and `scale` the sentence that says
    how an explanation of it is read.
    """

    headline: str
    claim: str
    basis: str
    score: str
    loss: str
    unit: str
    decisive: str
    order: str
    reference: str
    forecasts: str
    output: str
    scale: str


@dataclass(frozen=True)
class Section:
    """A table of the contest: `columns` are metric, heading and format of each figure."""

    heading: str
    columns: tuple[tuple[str, str, str], ...]
    note: str = ""


class Target(ABC):
    """A question asked of the future; the members are one frozen object each.

    Attributes
    ----------
    name
        By which settings, records and the ledger know it.
    head
        Number of a network's outputs, and the loss that it is fitted by.
    values
        What is issued for a session, in order: the names in the ledger.
    headline
        The one of `values` that is shown first, a fraction.
    ranked
        The forecast that is compared where only the order counts.
    probability
        The forecast that is the probability of a rise; empty where the target has none.
    constants
        What a forecaster that looks at nothing says for the headline, by its name.
    loss
        The metric that is the mean of `compute_losses`.
    loss_limit
        The loss of a sample from which on it is no longer measured but infinite.
    metrics
        Names of the figures of `compute_metrics`, in order.
    decisive
        The one metric that skill is claimed by, so that none is picked after the fact.
    order
        The metric of the order within folds, by which placebos are evaluated.
    order_of_nothing
        What `order` is for a forecast that orders nothing.
    baselines
        Who may take part in the contest beside the networks; the first is the reference.
    """

    name: str
    head: NetworkHead
    values: tuple[str, ...]
    headline: str
    ranked: str
    probability: str = ""
    constants: Mapping[str, float] = MappingProxyType({})
    loss: str
    loss_limit: float = float("inf")
    metrics: tuple[str, ...]
    decisive: str
    order: str
    order_of_nothing: float
    baselines: tuple[Baseline, ...]
    sections: tuple[Section, ...]
    words: TargetWords

    @property
    def reference(self) -> str:
        """The name of the baseline that every forecast is held against."""
        return self.baselines[0].name

    @property
    def gain(self) -> str:
        """The metric by how much the loss lies below the reference's."""
        return f"{self.loss}_gain"

    def find_baseline(self, name: str) -> Baseline:
        """Return the baseline called `name`; raises ``ValueError`` naming those that there are."""
        for baseline in self.baselines:
            if baseline.name == name:
                return baseline
        known = ", ".join(baseline.name for baseline in self.baselines)
        raise ValueError(f"name: {name!r}, allowed are {known}")

    @abstractmethod
    def compute_outcomes(self, closes: Column, horizon: int) -> Columns:
        """Return what comes of each session, float64 [session] by name, NaN while it is unknown.

        ``label`` is what is forecast, ``forward_return`` close[t + horizon] / close[t] - 1.
        """

    def scale_labels(self, labels: Column) -> LabelScale:
        """Return what networks learn in place of `labels`, those of the training rows."""
        return LabelScale()

    def scale_of(self, calibration: Numbers) -> LabelScale:
        """Return the scale of the labels that the network of this calibration has learned."""
        return LabelScale()

    @abstractmethod
    def fit_bases(self, known: Known, training_rows: Rows) -> Numbers:
        """Return what the base forecasts need to know of the `training_rows`, and of no others."""

    def update_bases(self, bases: Numbers, known: Known, training_rows: Rows) -> Numbers:
        """Return the `bases` of a trained model as they would be fitted on the `training_rows`."""
        return self.fit_bases(known, training_rows)

    def read_bases(self, spec: Mapping[str, Any]) -> Numbers:
        """Return what `fit_bases` gave, from the spec of a saved model."""
        return {name: float(value) for name, value in spec["bases"].items()}

    @abstractmethod
    def compute_reference(self, bases: Numbers, known: Known, rows: Rows) -> Columns:
        """Return what the reference forecasts for `rows`, from closes up to each, by name."""

    def compute_features(self, known: Known, rows: Rows) -> Outputs:
        """Return what a learner may read beside the image of each of `rows`, [sample, feature]."""
        return np.empty((len(rows), 0))

    @property
    @abstractmethod
    def identity(self) -> Numbers:
        """The calibration that changes nothing."""

    @abstractmethod
    def fit_calibration(
        self,
        outputs: Outputs,
        labels: Column,
        reference: Columns,
        bases: Numbers,
        scale: LabelScale,
        horizon: int,
    ) -> Numbers:
        """Return what makes of `outputs` [sample, output] calibrated forecasts.

        Pass samples that neither trained the network nor stopped its training. `labels` of
        `horizon` neighbouring sessions overlap and count as one observation together.
        """

    @abstractmethod
    def compute_values(
        self, outputs: Outputs, calibration: Numbers, bases: Numbers, reference: Columns
    ) -> Columns:
        """Return the forecasts that follow from `outputs`, by name, as the reference's are."""

    @abstractmethod
    def issue(self, values: Columns, reference: Columns) -> Columns:
        """Return what is issued, by the names in `values`: the reference's stands beside."""

    @abstractmethod
    def recall(self, issued: Columns) -> tuple[Columns, Columns]:
        """Return the forecasts and the reference's as `compute_losses` reads them.

        `issued` are columns of the ledger, by the names in `values`.
        """

    @abstractmethod
    def observe(self, labels: Column) -> Column:
        """Return what came on the scale of the headline, [sample]; NaN stays NaN."""

    def compute_interval(self, issued: Columns) -> tuple[Column, Column] | None:
        """Return between which values 90% are expected to come; None where no such is issued.

        `issued` are columns of the ledger, by the names in `values`; the ends are on the scale of
        the headline.
        """
        return None

    @abstractmethod
    def compute_scores(self, labels: Column, values: Columns) -> Column:
        """Return the score of each sample, from 0.

        `decisive` is 1 - the mean of `values` / that of the reference.
        """

    @abstractmethod
    def compute_losses(self, labels: Column, values: Columns) -> Column:
        """Return the loss of each sample: what promotions and multiple tests compare."""

    @abstractmethod
    def compute_metrics(
        self,
        outcomes: Columns,
        values: Columns,
        reference: Columns,
        folds: Folds,
        weights: Weights,
    ) -> Figures:
        """Return the figures of `metrics` in each resample, [resample, metric].

        `weights` [resample, sample] says how often each draws each sample; NaN where there is no
        such figure.
        """

    @abstractmethod
    def compute_order(
        self, labels: Column, values: Columns, folds: Folds, weights: Weights
    ) -> Column:
        """Return the metric `order` alone, [resample]."""

    @abstractmethod
    def compute_miscalibration(self, labels: Column, values: Columns) -> float:
        """Return the mean loss of `values` less that of their best recalibration, from 0."""


def compute_forward_returns(closes: Column, horizon: int) -> Column:
    """Return close[t + horizon] / close[t] - 1 for each session t, float64 [session].

    NaN for the last `horizon` sessions and where either close is NaN. Row t reads the close of
    ``t + horizon``: it is an outcome, never an input.
    """
    if closes.ndim != 1:
        raise ValueError(f"closes: shape {closes.shape}, expected [session]")
    if horizon < 1:
        raise ValueError(f"horizon: {horizon}, allowed are positive whole numbers")
    returns = np.full(len(closes), np.nan)
    if len(closes) > horizon:
        returns[:-horizon] = closes[horizon:] / closes[:-horizon] - 1.0
    return returns
