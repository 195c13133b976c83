"""Trained models: their records, figures, and the decisions on the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True)
class ModelRecord:
    """A trained model: where it lies, what it was trained on, what it may be used for.

    `bases` are the base forecasts that its training data gave, by name.

    `trained_through` is the last session whose close the training, calibration or labels read;
    a forecast of an earlier session with this model would be a look-ahead. `model_id` follows
    from the content alone, `artefact_hash` is the SHA-256 of the bundle's manifest.
    """

    model_id: str
    architecture: str
    signal: str
    target: str
    universe: str
    horizon: int
    lookback: int
    channels: tuple[str, ...]
    factors: tuple[str, ...]
    trained_from: date
    trained_through: date
    n_samples: int
    bases: Mapping[str, float]
    data_hash: str
    artefact_hash: str
    mode: str
    parent_id: str = ""
    spec: Mapping[str, object] = field(default_factory=dict)

    @property
    def last_training_session(self) -> date:
        """The last session whose image the training itself read, without calibration and labels.

        A model of an earlier version does not tell it: then it is `trained_through`.
        """
        held = self.spec.get("last_training_session", self.trained_through.isoformat())
        return date.fromisoformat(str(held))


@dataclass(frozen=True)
class TrainingSummary:
    """What a page shows of a training: `epochs`, the figures of each, and the images' scale.

    `normaliser` is `factors.Normaliser.to_dict`; the model's bundle stays the authority on it.
    """

    model_id: str
    epochs: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    normaliser: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Evaluation:
    """One figure of a model out of sample, with its 95% interval and the reference's figure.

    `kind` is ``walk_forward`` (held-out estimate stored with the model) or ``contest`` (champion
    against candidate on the same matured sessions); `reference` is the figure of the target's
    reference there.
    """

    model_id: str
    kind: str
    metric: str
    value: float
    lower: float
    upper: float
    reference: float
    first: date
    last: date
    n_sessions: int


@dataclass(frozen=True)
class Promotion:
    """One decision on the champion, kept for good: who is champion after it, and why.

    `kind` is ``contest`` (the rule decided), ``manual`` (a person did) or ``rollback``; `number`
    counts the decisions on one candidate as of one session, so that a second one by hand on the
    same evening is a row of its own.
    """

    signal: str
    as_of: date
    candidate_id: str
    champion_id: str  # the champion after the decision
    previous_id: str  # the champion before it; empty for the first
    promoted: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    kind: str = "contest"
    number: int = 0


@dataclass(frozen=True)
class KeptModel:
    """A model with some of its figures, saved at `saved_at` (naive, UTC)."""

    record: ModelRecord
    saved_at: datetime
    has_training: bool
    evaluations: tuple[Evaluation, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class DatedDecision:
    """A decision on the champion, and when it was written (naive, UTC)."""

    promotion: Promotion
    decided_at: datetime
