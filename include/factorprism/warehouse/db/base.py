"""What all tables of the warehouse share: the schema, the naming of constraints, the columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, Float, MetaData, Table
from sqlalchemy.types import TypeEngine

SCHEMA = "prism"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)

SYMBOL = "Code of the instrument, such as 000300.SH."
PRICE = "points of an index or currency of a share"
SIGNAL = "Name of the signal: universe, target and horizon."
TARGET_NAME = "What is asked of the future, such as direction."
UNIVERSE = "Name of the universe: the target and its overlays."
HORIZON = "Sessions from the forecast to its end."
CATALOGUE = "SHA-256 of the factor catalogue, hex."
MODEL = "Model, by the name that follows from its content."

DOUBLE = Float(53)


def column(
    name: str, kind: TypeEngine[Any], comment: str, *more: Any, **options: Any
) -> Column[Any]:
    """Return a column that must be filled and says what it means."""
    return Column(name, kind, *more, comment=comment, **{"nullable": False, **options})


def moment(name: str, comment: str, **options: Any) -> Column[Any]:
    """Return a wall-clock column; only these may differ between two runs of the same work."""
    if not name.endswith("_at"):
        raise ValueError(f"name: {name!r} is a moment, so it must end with '_at'")
    return column(name, DateTime(timezone=True), comment, **options)


def ratio(name: str) -> CheckConstraint:
    """Return the rule that `name` lies in [0, 1]; NaN does not."""
    return CheckConstraint(f"{name} BETWEEN 0 AND 1", f"{name}_is_ratio")


def positive(name: str) -> CheckConstraint:
    """Return the rule that `name` is a finite number above zero; NaN is none."""
    return CheckConstraint(f"{name} > 0 AND {name} < 'Infinity'", f"{name}_is_positive")


def finite(name: str) -> CheckConstraint:
    """Return the rule that `name` is a finite number."""
    return CheckConstraint(f"{name} > '-Infinity' AND {name} < 'Infinity'", f"{name}_is_finite")


def sha256(name: str) -> CheckConstraint:
    """Return the rule that `name` is a SHA-256 in lower-case hex."""
    return CheckConstraint(f"{name} ~ '^[0-9a-f]{{64}}$'", f"{name}_is_sha256")


def find_value_table(target: str) -> Table:
    """Return the table of the values of `target`; raises ``ValueError`` where it has none."""
    table = metadata.tables.get(f"{metadata.schema}.{target}_forecasts")
    if table is None:
        raise ValueError(f"target: {target!r} has no table of values in the warehouse")
    return table


def list_value_tables() -> list[Table]:
    """Return the tables of the values of all targets, by name."""
    return [
        table
        for _, table in sorted(metadata.tables.items())
        if table.info.get("ledger") and table.name.endswith("_forecasts")
    ]


def value_names(table: Table) -> tuple[str, ...]:
    """Return the names of the values in `table`, in their order."""
    return tuple(column.name for column in table.c if not column.primary_key)
