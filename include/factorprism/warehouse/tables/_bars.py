"""Tables of what the source answered, the bars that were accepted, and how they were revised."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from factorprism.warehouse.tables._base import (
    DOUBLE,
    SYMBOL,
    column,
    metadata,
    moment,
    sha256,
)

pulls = Table(
    "pulls",
    metadata,
    column(
        "pull_id",
        BigInteger(),
        "Number of the pull, without gaps, in the order of arrival.",
        primary_key=True,
        autoincrement=False,
    ),
    column("source", Text(), "Name of the source that answered."),
    column("symbol", Text(), SYMBOL),
    column("first_session", Date(), "First day that was asked for."),
    column("last_session", Date(), "Last day that was asked for."),
    column("content_hash", Text(), "SHA-256 of the bars, hex; see hash_bars."),
    column("n_bars", Integer(), "Bars in the answer."),
    column(
        "payload",
        LargeBinary(),
        "The bars as they came, as a Parquet file; empty once retention has removed them.",
    ),
    column(
        "state",
        Text(),
        "pulled: not judged yet; accepted: merged into bars; quarantined: refused by the gate.",
    ),
    column("reason", Text(), "Why the pull was quarantined; empty otherwise."),
    moment("fetched_at", "When the source answered."),
    moment("marked_at", "When the state was last set; null while it is pulled.", nullable=True),
    CheckConstraint("state IN ('pulled', 'accepted', 'quarantined')", "state_is_known"),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    CheckConstraint("n_bars >= 0", "n_bars_is_count"),
    sha256("content_hash"),
    UniqueConstraint(
        *("source", "symbol", "first_session", "last_session", "content_hash"),
        name="uq_pulls_content",
    ),
    Index(None, "symbol", "marked_at"),
    comment="Every answer of a source, kept as it came; the same content is kept once.",
)

bars = Table(
    "bars",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Trading day of the exchange.", primary_key=True),
    column("open", DOUBLE, "First price of the session, index points."),
    column("high", DOUBLE, "Highest price of the session, index points."),
    column("low", DOUBLE, "Lowest price of the session, index points."),
    column("close", DOUBLE, "Last price of the session, index points."),
    column("volume_shares", DOUBLE, "Volume, shares; NaN where the source gives none."),
    column("amount_cny", DOUBLE, "Turnover, CNY (abroad: its currency); NaN where not given."),
    column("pre_close", DOUBLE, "Previous close by the vendor, index points; NaN: not given."),
    column("pct_chg", DOUBLE, "Change from the previous close, per cent; NaN: not given."),
    column(
        "pull_id", BigInteger(), "Pull that gave the values now held.", ForeignKey(pulls.c.pull_id)
    ),
    moment("recorded_at", "When the session was first recorded; a revision leaves it."),
    comment="The daily bars in force: accepted by the gate, with the latest revision.",
)

bar_revisions = Table(
    "bar_revisions",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Session whose bar was revised.", primary_key=True),
    column("column_name", Text(), "Column of bars that was revised.", primary_key=True),
    column(
        "revision",
        Integer(),
        "1 for the first revision of this value, 2 for the next.",
        primary_key=True,
        autoincrement=False,
    ),
    column("old_value", DOUBLE, "Value before, in the unit of the column."),
    column("new_value", DOUBLE, "Value after, in the unit of the column."),
    column(
        "pull_id", BigInteger(), "Pull that brought the new value.", ForeignKey(pulls.c.pull_id)
    ),
    moment("revised_at", "When the value was replaced."),
    CheckConstraint("revision >= 1", "revision_counts_from_one"),
    comment="Every value of a bar that a later pull replaced, with the value before.",
)

bar_extents = Table(
    "bar_extents",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("first_session", Date(), "First session held in bars."),
    column("last_session", Date(), "Last session held in bars."),
    moment("changed_at", "When a bar of the symbol was last added or revised."),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    comment="One row a symbol: which sessions are held, and when they last changed.",
)
