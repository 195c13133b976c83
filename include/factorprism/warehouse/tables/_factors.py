"""Tables of the factors, of what their positions mean, and of how far they are computed."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    REAL,
    CheckConstraint,
    Date,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from factorprism.warehouse.tables._base import CATALOGUE, SYMBOL, column, metadata, moment, sha256

factor_catalogues = Table(
    "factor_catalogues",
    metadata,
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column(
        "position",
        Integer(),
        "Place of the factor in factor_values, counted from 1.",
        primary_key=True,
        autoincrement=False,
    ),
    column("name", Text(), "Name of the factor; its unit stands in the catalogue."),
    sha256("catalogue_hash"),
    CheckConstraint("position >= 1", "position_counts_from_one"),
    UniqueConstraint("catalogue_hash", "name"),
    comment="The factors of each catalogue, in the order of their values.",
)

factors = Table(
    "factors",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column("session", Date(), "Session whose close is the last value read.", primary_key=True),
    column(
        "factor_values",
        ARRAY(REAL()),
        "One value a factor, in the catalogue's order and units; NaN: missing.",
    ),
    comment="The factors of each symbol and session, one array for a whole catalogue.",
)

factor_watermarks = Table(
    "factor_watermarks",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column("computed_through", Date(), "Last session whose factors are computed."),
    column(
        "dirty_from",
        Date(),
        "First session whose factors do not follow from the bars now held; null: none.",
        nullable=True,
    ),
    moment("computed_at", "When factors were last saved."),
    comment="How far the factors of a symbol are computed, and from where they are stale.",
)

# The one view: readers of SQL find a factor by its name instead of its position.
FACTOR_VIEW = "factor_values"
FACTOR_VIEW_COMMENT = "The factors by name, one row for each value."
FACTOR_VIEW_COLUMNS = {
    "symbol": SYMBOL,
    "session": "Session whose close is the last value read.",
    "catalogue_hash": CATALOGUE,
    "factor": "Name of the factor.",
    "value": "Value in the unit of the catalogue; NaN: missing.",
}
