"""What the gate has found in bars and factors, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

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
class FixedFinding:
    """A finding that is past: `pull_id` has given what it spoke against, at a moment (UTC, naive).

    Without a pull it was not recorded which one did.
    """

    finding: Finding
    pull_id: int | None
    fixed_at: datetime


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

    `severity` is ``critical`` or ``warning``; `sentence` says the finding in plain language.
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


@dataclass(frozen=True)
class GateSummary:
    """What the expectations under one `run_key` came to, by number; moments are naive UTC."""

    run_key: str
    suite: str
    n_results: int
    n_critical: int  # failed ones, and so the next
    n_warnings: int
    recorded_at: datetime
