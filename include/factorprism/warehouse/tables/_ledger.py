"""Tables of the forecasts, what came of them, the gate's verdicts and the alerts."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    Index,
    Integer,
    Interval,
    Table,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.warehouse.tables._base import (
    DOUBLE,
    HORIZON,
    MODEL,
    SYMBOL,
    TARGET,
    UNIVERSE,
    column,
    metadata,
    moment,
    ratio,
)

_HASHES = " AND ".join(
    f"{name} ~ '^[0-9a-f]{{64}}$'" for name in ("data_hash", "factor_hash", "image_hash")
)

quality_results = Table(
    "quality_results",
    metadata,
    column("run_key", Text(), "Which gate of which run.", primary_key=True),
    column(
        "position", Integer(), "Order in the run, from 0.", primary_key=True, autoincrement=False
    ),
    column("suite", Text(), "Suite: bars or factors."),
    column("expectation", Text(), "What was expected."),
    column("symbol", Text(), SYMBOL),
    column("column_name", Text(), "Column that was looked at; empty: the whole frame."),
    column("severity", Text(), "critical stops the run, warning is recorded."),
    column("success", Boolean(), "Whether the expectation holds."),
    column("first_session", Date(), "First day looked at."),
    column("last_session", Date(), "Last day looked at."),
    column("sentence", Text(), "The finding in plain words."),
    column("details", JSONB(), "Counts and examples behind the finding."),
    moment("recorded_at", "When the verdict was written.", server_default=func.clock_timestamp()),
    CheckConstraint("severity IN ('critical', 'warning')", "severity_is_known"),
    # The pages ask for the newest each second, and there is no larger table with a moment.
    Index(None, "recorded_at"),
    comment="The quality gate's verdicts; a repeated run replaces its own.",
)

forecasts = Table(
    "forecasts",
    metadata,
    column("target", Text(), TARGET, primary_key=True),
    column("session", Date(), "Session after whose close the forecast is made.", primary_key=True),
    column("horizon", Integer(), HORIZON, primary_key=True, autoincrement=False),
    column("model_id", Text(), MODEL + " 'none' without a champion.", primary_key=True),
    column(
        "word",
        Integer(),
        "1 for the first word on this key, 2 for the next; the database counts.",
        primary_key=True,
        autoincrement=False,
        server_default=text("1"),
    ),
    column("state", Text(), "issued: a forecast; withheld: none, for a reason."),
    column("horizon_end", Date(), "Session whose close decides what comes of it."),
    column(
        "horizon_end_expected",
        Boolean(),
        "Whether horizon_end is only expected, since the calendar is not known so far.",
        server_default=false(),
    ),
    column("reason", Text(), "Why it was withheld; empty where issued."),
    column(
        "p_up",
        DOUBLE,
        "Calibrated probability that close[horizon_end] > close[session], 0 to 1; null: withheld.",
        nullable=True,
    ),
    column(
        "p_up_raw", DOUBLE, "The network's own probability, 0 to 1; null: withheld.", nullable=True
    ),
    column(
        "base_rate",
        DOUBLE,
        "Share of up labels in the training data, 0 to 1; null: withheld.",
        nullable=True,
    ),
    column("universe", Text(), UNIVERSE),
    column("data_hash", Text(), "SHA-256 of the bars behind the image, hex; empty: withheld."),
    column("factor_hash", Text(), "SHA-256 of the factors in the window, hex; empty: withheld."),
    column("image_hash", Text(), "SHA-256 of the image that was read, hex; empty: withheld."),
    moment("created_at", "When the row was written.", server_default=func.clock_timestamp()),
    moment("due_at", "When it was due; null: not known.", nullable=True),
    column(
        "late_by",
        Interval(),
        "How long after due_at it was written, never below 0; null: not known.",
        Computed("GREATEST(created_at, due_at) - due_at", persisted=True),
        nullable=True,
    ),
    CheckConstraint("word >= 1", "word_counts_from_one"),
    CheckConstraint("state IN ('issued', 'withheld')", "state_is_known"),
    CheckConstraint("horizon >= 1", "horizon_is_positive"),
    CheckConstraint("horizon_end > session", "horizon_end_is_later"),
    ratio("p_up"),
    ratio("p_up_raw"),
    ratio("base_rate"),
    CheckConstraint(
        "state <> 'withheld' OR (p_up IS NULL AND p_up_raw IS NULL AND reason <> '')",
        "withheld_has_reason_and_no_p_up",
    ),
    CheckConstraint(
        "state <> 'issued' OR (p_up IS NOT NULL AND p_up_raw IS NOT NULL"
        f" AND base_rate IS NOT NULL AND {_HASHES})",
        "issued_has_p_up_and_hashes",
    ),
    comment="Append-only ledger of forecasts in words; an issued one is the last for its key.",
)

outcomes = Table(
    "outcomes",
    metadata,
    column("target", Text(), TARGET, primary_key=True),
    column("session", Date(), "Session of the forecast.", primary_key=True),
    column("horizon", Integer(), HORIZON, primary_key=True, autoincrement=False),
    column("model_id", Text(), MODEL, primary_key=True),
    column("forward_return", DOUBLE, "close[horizon_end] / close[session] - 1, a fraction."),
    column("went_up", Boolean(), "Whether close[horizon_end] > close[session]."),
    column("horizon_end", Date(), "Session whose close decided, `horizon` sessions after it."),
    moment("settled_at", "When the outcome was written.", server_default=func.clock_timestamp()),
    CheckConstraint("forward_return > -1 AND forward_return < 'Infinity'", "return_is_finite"),
    CheckConstraint("horizon_end > session", "horizon_end_is_later"),
    comment="What came of each issued forecast, once its horizon has passed.",
)

alerts = Table(
    "alerts",
    metadata,
    column("alert_key", Text(), "What the alert is about.", primary_key=True),
    column(
        "occurrence",
        Integer(),
        "1 for the first time that the key was raised, 2 after it was resolved once.",
        primary_key=True,
        autoincrement=False,
    ),
    column("severity", Text(), "critical, warning or info."),
    column("sentence", Text(), "The message."),
    column("session", Date(), "Session that it is about; null: none.", nullable=True),
    column("details", JSONB(), "Facts behind the message."),
    column("raises", Integer(), "Times that it was raised while open."),
    moment("raised_at", "When it was opened."),
    moment(
        "raised_again_at", "When it was last raised while open; null: once only.", nullable=True
    ),
    moment("resolved_at", "When its cause was gone; null: open.", nullable=True),
    moment("told_at", "When a message of it was delivered; null: not yet.", nullable=True),
    moment("recovery_told_at", "When its recovery was delivered; null: not yet.", nullable=True),
    CheckConstraint("raises >= 1", "raises_counts_from_one"),
    Index("uq_alerts_open", "alert_key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    comment="Messages worth a person's attention; one open alert a key.",
)
