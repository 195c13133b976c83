"""Tables of what the gate found wrong, what a person accepted, and what was set aside for it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.warehouse.tables._bars import pulls
from factorprism.warehouse.tables._base import SYMBOL, column, metadata, moment

findings = Table(
    "findings",
    metadata,
    column(
        "finding_id",
        Text(),
        "Name of the finding, from symbol, expectation and failing rows; the same fault has one.",
        primary_key=True,
    ),
    column("symbol", Text(), SYMBOL),
    column("suite", Text(), "Suite of the expectation that failed."),
    column("expectation", Text(), "What was expected."),
    column("column_name", Text(), "Column that was looked at; empty: the whole frame."),
    column("failing_rows", JSONB(), "The failing sessions, each with the value found."),
    column("sessions", JSONB(), "Sessions that it was held against; none: the pull as a whole."),
    column("sentence", Text(), "The finding in plain words."),
    moment("found_at", "When it was first found.", server_default=func.clock_timestamp()),
    column(
        "pull_id",
        BigInteger(),
        "Pull in which it was last found; null: found before that was recorded.",
        ForeignKey(pulls.c.pull_id),
        nullable=True,
    ),
    comment="The gate's critical findings on bars, each by a name that a person can speak of.",
)

accepted_findings = Table(
    "accepted_findings",
    metadata,
    column(
        "finding_id",
        Text(),
        "What was accepted.",
        ForeignKey(findings.c.finding_id),
        primary_key=True,
    ),
    column("accepted_by", Text(), "Who accepted it."),
    column("reason", Text(), "Why, in the words of whoever did."),
    moment("accepted_at", "When it was accepted.", server_default=func.clock_timestamp()),
    CheckConstraint("accepted_by <> '' AND reason <> ''", "has_person_and_reason"),
    comment="Append-only: findings that a person has declared to be no fault.",
)

set_aside = Table(
    "set_aside",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Session without a bar from this pull.", primary_key=True),
    column(
        "pull_id",
        BigInteger(),
        "Pull whose row it was, or that lacks it.",
        ForeignKey(pulls.c.pull_id),
        primary_key=True,
        autoincrement=False,
    ),
    column("finding_id", Text(), "The first finding that speaks against it."),
    column("sentence", Text(), "The reason in plain words."),
    moment("set_aside_at", "When it was set aside.", server_default=func.clock_timestamp()),
    moment("cleared_at", "When a later pull gave a sound bar; null: it stands.", nullable=True),
    column(
        "cleared_by",
        BigInteger(),
        "That pull; null: it stands, or a person has said that there was no such session.",
        ForeignKey(pulls.c.pull_id),
        nullable=True,
    ),
    Index(None, "pull_id"),
    comment="Rows that the gate kept out of bars while the rest of their pull went in.",
)
