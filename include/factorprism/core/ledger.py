"""The ledger: forecasts, outcomes, and the chain that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt


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
class IssuedForecast:
    """The key of an issued forecast and when it was written (naive, UTC)."""

    signal: str
    session: date
    model_id: str
    created_at: datetime


@dataclass(frozen=True)
class ForecastLine:
    """One signal in the ledger: what is asked of whom, from what, how far ahead.

    `target` is the target's name, `symbol` the index that it is about. `first` and `last` are its
    sessions, `issued` and `withheld` count them; a session that was withheld before it was issued
    counts as issued.
    """

    signal: str
    target: str
    universe: str
    horizon: int
    symbol: str
    first: date
    last: date
    issued: int
    withheld: int


@dataclass(frozen=True, eq=False)
class Record:
    """A signal's forecasts and outcomes, arrays [session], ascending.

    Days are ``datetime64[D]``. `values` has the target's values by their names, NaN where
    withheld; `outcome` (the label) and `forward_return` (a fraction) are NaN before the horizon
    has ended. `late_seconds` is how long after it was due a row was written, NaN where that is
    not known.
    """

    sessions: npt.NDArray[np.datetime64]
    horizon_end: npt.NDArray[np.datetime64]
    values: Mapping[str, npt.NDArray[np.float64]]
    outcome: npt.NDArray[np.float64]
    forward_return: npt.NDArray[np.float64]
    late_seconds: npt.NDArray[np.float64]

    @property
    def issued(self) -> npt.NDArray[np.bool_]:
        known = ~np.isnan(next(iter(self.values.values())))
        return np.asarray(known, bool)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.outcome)


@dataclass(frozen=True)
class Head:
    """The last row of a signal's chain; whoever keeps it elsewhere can tell a rewritten ledger."""

    signal: str
    position: int
    row_hash: str

    def __str__(self) -> str:
        return f"{self.signal}:{self.position}:{self.row_hash}"


@dataclass(frozen=True)
class LedgerFault:
    """The first row of a signal that does not fit, and why, in one sentence."""

    signal: str
    position: int
    sentence: str


@dataclass(frozen=True)
class LedgerReport:
    """What a walk over the chains came to, signals in their order."""

    n_rows: int
    heads: tuple[Head, ...]
    faults: tuple[LedgerFault, ...]
