"""What the stages hand to each other: the bar frame, the factor panel, the image set, the rows.

Sessions are `datetime.date` in rows and arguments, ``datetime64[D]`` in arrays, and
``datetime64[us]`` at midnight without a zone in frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float32]
DayArray = npt.NDArray[np.datetime64]

# Rows that are brought to one form at a time, so that no copy of the whole is made.
HASHED_ROWS = 256

BAR_KEY = ("symbol", "session")
BAR_PRICES = ("open", "high", "low", "close")
BAR_VALUES = (*BAR_PRICES, "volume_shares", "amount_cny", "pre_close", "pct_chg")
BAR_COLUMNS = (*BAR_KEY, *BAR_VALUES)


def make_bars(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` as a bar frame: columns `BAR_COLUMNS`, sorted by (symbol, session).

    `symbol` is a string, `session` ``datetime64[us]`` at midnight, every other column float64.
    Columns that the source does not give (`amount_cny`, `pre_close`, `pct_chg` in per cent) are
    NaN. Nothing is repaired here: duplicates, gaps and impossible prices are the gate's to find.

    Raises ``ValueError`` when a key or price column is absent or a value is no number or date.
    """
    absent = [name for name in (*BAR_KEY, *BAR_PRICES, "volume_shares") if name not in frame]
    if absent:
        raise ValueError(f"frame: columns {absent} are missing; it has {list(frame.columns)}")
    bars = pd.DataFrame(
        {
            "symbol": frame["symbol"].astype("str"),
            "session": pd.to_datetime(frame["session"]).dt.normalize().astype("datetime64[us]"),
        }
    )
    for name in BAR_VALUES:
        bars[name] = pd.to_numeric(frame[name]).astype("float64") if name in frame else np.nan
    return bars.sort_values(list(BAR_KEY), kind="stable", ignore_index=True)


def empty_bars() -> pd.DataFrame:
    """Return a bar frame without rows."""
    return make_bars(pd.DataFrame({name: [] for name in BAR_COLUMNS}))


def hash_bars(bars: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of a bar frame's content.

    The digest covers symbols, sessions and the little-endian bytes of every value; all NaNs count
    as equal. It does not depend on the index, on memory layout, or on the order of the rows.
    """
    ordered = bars.sort_values(list(BAR_KEY), kind="stable")
    digest = hashlib.sha256()
    digest.update("\n".join(ordered["symbol"]).encode())
    digest.update(ordered["session"].to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
    for name in BAR_VALUES:
        digest.update(_canonical(ordered[name].to_numpy(dtype="<f8")).tobytes())
    return digest.hexdigest()


def hash_array(values: npt.NDArray[np.floating], *labels: str) -> str:
    """Return the SHA-256 (hex) of `values` (shape, dtype, C-order bytes) and of `labels`."""
    digest = hashlib.sha256("\n".join((*labels, values.dtype.str, str(values.shape))).encode())
    for first in range(0, len(values), HASHED_ROWS):
        digest.update(_canonical(values[first : first + HASHED_ROWS]).tobytes())
    return digest.hexdigest()


def hash_prefixes(values: npt.NDArray[np.generic], ends: Sequence[int]) -> list[str]:
    """Return the SHA-256 (hex) of ``values[:end]`` for each of `ends`, ascending, in one pass.

    Each is that of its own rows alone (dtype, shape of a row, C-order bytes), whichever other ends
    are asked for.
    """
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape[1:]}".encode())
    found, start = [], 0
    for end in ends:
        for first in range(start, end, HASHED_ROWS):
            block = values[first : min(first + HASHED_ROWS, end)]
            known = _canonical(block) if np.issubdtype(block.dtype, np.floating) else block
            digest.update(known.tobytes())
        found.append(digest.copy().hexdigest())
        start = end
    return found


def _canonical(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # One bit pattern for NaN and for zero, so that equal content hashes equally.
    return np.where(np.isnan(values), np.array(np.nan, values.dtype), values + 0.0)


@dataclass(frozen=True)
class FactorPanel:
    """Factors of one symbol: `values` is float32 [session, factor], C-contiguous, NaN = missing.

    Row t reads nothing after the close of ``sessions[t]``.
    """

    symbol: str
    sessions: DayArray
    factors: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        expected = (len(self.sessions), len(self.factors))
        if self.values.shape != expected or self.values.dtype != np.float32:
            raise ValueError(
                f"values: {self.values.dtype} {self.values.shape}, expected float32 {expected}"
            )


@dataclass(frozen=True)
class ImageSet:
    """Panels of a universe's channels on the target's sessions, ready to be cut into windows.

    `cube` is float32 [session, factor, channel], C-contiguous, NaN = missing. An image of session
    t is ``cube[t - lookback + 1 : t + 1]``, a view of shape [lookback, factor, channel].
    """

    channels: tuple[str, ...]
    factors: tuple[str, ...]
    sessions: DayArray
    cube: FloatArray
    lookback: int

    def __post_init__(self) -> None:
        expected = (len(self.sessions), len(self.factors), len(self.channels))
        if self.cube.shape != expected or self.cube.dtype != np.float32:
            raise ValueError(f"cube: {self.cube.dtype} {self.cube.shape}, expected {expected}")


class PullState(StrEnum):
    """What became of a pull."""

    PULLED = "pulled"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Pull:
    """One answer of a source, kept as it came: `bars` of one symbol for [`first`, `last`]."""

    source: str
    symbol: str
    first: date
    last: date
    bars: pd.DataFrame = field(repr=False)
    fetched_at: datetime
    state: PullState = PullState.PULLED
    pull_id: int | None = None

    @property
    def content_hash(self) -> str:
        return hash_bars(self.bars)


@dataclass(frozen=True)
class Revision:
    """One value of a bar that a later pull changed."""

    symbol: str
    session: date
    column: str
    old_value: float
    new_value: float
    pull_id: int


@dataclass(frozen=True)
class MergeResult:
    """What a merge of bars did; `first_changed` is None when nothing changed."""

    inserted: int
    revisions: tuple[Revision, ...]
    first_changed: date | None


# The expectations that every row is a session of the period asked for, and every session a row.
NO_SESSION, NO_BAR = "no_session_extra", "no_session_missing"


@dataclass(frozen=True)
class Finding:
    """One critical fault that a person can speak of by `finding_id`, and accept.

    `rows` are the failing sessions with the values found, by which the same fault is known again;
    the id follows from symbol, expectation and rows alone. `sessions` are those that it is held
    against; none: the pull as a whole. What cannot be measured cannot be accepted: it has no rows.
    Nor can a row on a day without trading, since no image has a place for it.
    """

    finding_id: str
    symbol: str
    suite: str
    expectation: str
    column: str
    rows: Mapping[str, str]
    sessions: tuple[date, ...]
    sentence: str

    @property
    def keys(self) -> frozenset[tuple[str, ...]]:
        """What an acceptance covers, one key for each failing row; none: it cannot be accepted."""
        if self.expectation == NO_SESSION:
            return frozenset()
        rule = (self.symbol, self.suite, self.expectation, self.column)
        return frozenset((*rule, session, value) for session, value in self.rows.items())


@dataclass(frozen=True)
class Acceptance:
    """What a person has said of a finding, kept for good; `accepted_at` is naive, UTC."""

    finding: Finding
    accepted_by: str
    reason: str
    accepted_at: datetime | None = None


@dataclass(frozen=True)
class Mended:
    """A finding that is past: `pull_id` has given what it spoke against, at a moment (UTC, naive).

    Without a pull it was not recorded which one did.
    """

    finding: Finding
    pull_id: int | None
    mended_at: datetime


@dataclass(frozen=True)
class SetAside:
    """A row of a pull that was not merged, or that is missing from it, because of a finding."""

    symbol: str
    session: date
    pull_id: int
    finding_id: str
    sentence: str
    set_aside_at: datetime | None = None


@dataclass(frozen=True)
class QualityResult:
    """One expectation's verdict on one symbol's data for [`first`, `last`].

    `severity` is ``critical`` or ``warning``; `sentence` says the finding in plain words.
    `findings` name the faults one by one where a critical expectation of bars failed; the ids of
    the first of them stand in `details`.
    """

    suite: str
    expectation: str
    symbol: str
    column: str
    severity: str
    success: bool
    first: date
    last: date
    sentence: str
    details: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = field(default=(), repr=False, compare=False)


class ForecastState(StrEnum):
    ISSUED = "issued"
    WITHHELD = "withheld"


Values = Mapping[str, Mapping[str, float]]  # symbol, then name of the value


@dataclass(frozen=True)
class Forecast:
    """One word said about (signal, session, model): issued with values, or withheld with a reason.

    `target` is the name of the target (``direction``), `values` maps symbol and name to the values
    that it issues, the base forecasts beside the model's; empty where withheld, as the hashes are.
    `symbol` is the one index that the signal is about; empty where it is about many. Where
    `horizon_end_expected`, the calendar is not known as far as `horizon_end`: the outcome is
    settled when `horizon` sessions have passed, whichever day that is. `due_at` and `created_at`
    are naive, UTC.

    The database gives `created_at` and what follows it: `word` counts the words on one signal,
    session and model, `position` the rows of the signal's chain, both from 1; `row_hash` covers
    the row and `previous_hash`.
    """

    signal: str
    session: date
    model_id: str
    state: ForecastState
    target: str
    universe: str
    horizon: int
    horizon_end: date
    symbol: str = ""
    reason: str = ""
    values: Values = field(default_factory=dict)
    data_hash: str = ""
    factor_hash: str = ""
    image_hash: str = ""
    horizon_end_expected: bool = False
    due_at: datetime | None = None
    created_at: datetime | None = None
    word: int = 0
    position: int = 0
    previous_hash: str = ""
    row_hash: str = ""

    @property
    def late_by(self) -> timedelta:
        """How long after it was due the row was written; zero where one of both is not known."""
        if self.created_at is None or self.due_at is None:
            return timedelta(0)
        return max(self.created_at - self.due_at, timedelta(0))

    @property
    def issued(self) -> bool:
        return self.state is ForecastState.ISSUED

    def value(self, name: str) -> float | None:
        """Return the value `name` of the row's own symbol; None where it has none."""
        return self.values.get(self.symbol, {}).get(name)


@dataclass(frozen=True)
class Outcome:
    """What came of one issued forecast of one symbol, once its horizon has passed.

    `value` is the label as the target defines it (direction: 1 or 0), `forward_return` a fraction.
    """

    signal: str
    session: date
    model_id: str
    symbol: str
    value: float
    forward_return: float
    horizon_end: date  # the session whose close decided


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
        told = self.spec.get("last_training_session", self.trained_through.isoformat())
        return date.fromisoformat(str(told))


@dataclass(frozen=True)
class Training:
    """What a page shows of a training: `epochs`, the figures of each, and the images' scale.

    `normaliser` is `factors.Normaliser.to_dict`; the model's bundle stays the authority on it.
    """

    model_id: str
    epochs: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    normaliser: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Evaluation:
    """One figure of a model on judged sessions, with its 95% interval and its peer's figure.

    `kind` is ``walk_forward`` (held-out estimate stored with the model) or ``contest`` (champion
    against challenger on the same matured sessions); `reference` is the base rate's figure there.
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
    """One decision on the title, kept for good: who holds it and why.

    `kind` is ``contest`` (the rule decided), ``manual`` (a person did) or ``rollback``; `number`
    counts the decisions on one candidate as of one session, so that a second one by hand on the
    same evening is a row of its own.
    """

    signal: str
    as_of: date
    candidate_id: str
    champion_id: str  # who holds the title after the decision
    previous_id: str  # who held it before; empty for the first
    promoted: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    kind: str = "contest"
    number: int = 0


@dataclass(frozen=True)
class Alert:
    """One message worth a person's attention; the same `key` is raised once until recovered."""

    key: str
    severity: str
    sentence: str
    session: date | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackedAlert:
    """An alert with what has become of it; moments are naive, UTC.

    `occurrence` counts how often its key was opened, `raises` how often it was raised while it was
    open. `told_to` are the addresses that have taken its present message while another has not,
    `tries` how often that was tried in vain.
    """

    alert: Alert
    occurrence: int
    raised_at: datetime
    resolved_at: datetime | None = None
    told_at: datetime | None = None
    recovery_told_at: datetime | None = None
    recovery: str = ""  # the sentence on its end
    told_to: frozenset[str] = frozenset()
    tries: int = 0
    raises: int = 1


@dataclass(frozen=True)
class Address:
    """Where messages go: `label` may be shown, `url` (Apprise's) may hold a password."""

    label: str
    audiences: frozenset[str]
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Message:
    """A message as it is sent."""

    title: str
    body: str
    recovered: bool = False


def as_days(sessions: Sequence[date] | pd.Series | DayArray) -> DayArray:
    """Return `sessions` as an array of ``datetime64[D]``."""
    return np.asarray(sessions).astype("datetime64[D]")
