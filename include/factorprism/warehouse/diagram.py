"""Writes the entity-relationship diagram of the tables, as Mermaid on standard output.

python -m factorprism.warehouse.diagram > docs/diagrams/warehouse.mmd
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, ForeignKeyConstraint, Table

from factorprism.warehouse.tables import SCHEMA, metadata

# Child, columns, parent: what belongs together without a foreign key, because the child may be
# written before the parent, or may outlive it.
NAMED = (
    ("forecasts", ("model_id",), "models"),
    ("outcomes", ("signal", "session", "model_id"), "forecasts"),
    ("explanations", ("signal", "session", "model_id"), "forecasts"),
    ("promotions", ("candidate_id",), "models"),
    ("contests", ("image_set_hash",), "image_sets"),
    ("fold_forecasts", ("signal",), "contests"),
    ("bar_revisions", ("symbol", "session"), "bars"),
    ("bar_extents", ("symbol",), "bars"),
    ("factors", ("symbol", "session"), "bars"),
    ("factors", ("catalogue_hash",), "factor_catalogues"),
    ("factor_watermarks", ("symbol", "catalogue_hash"), "factors"),
)


def render_diagram() -> str:
    """Return the diagram, as Mermaid: each table with its keys, each foreign key a solid line.

    A dashed line joins what belongs together by name alone (`NAMED`).
    """
    tables = sorted(metadata.tables.values(), key=lambda table: table.name)
    lines = [line for table in tables for line in _render_table(table)]
    lines += [line for table in tables for line in _render_references(table)]
    lines += [_render_name(*named) for named in NAMED]
    return "\n".join(["erDiagram", "    direction LR", *(f"    {line}" for line in lines), ""])


def _render_table(table: Table) -> Iterator[str]:
    yield f"{table.name} {{"
    for column in table.columns:
        if column.primary_key or column.foreign_keys or _is_named(column):
            yield f"    {_kind_of(column)} {column.name} {_keys_of(column)}".rstrip()
    yield "}"


def _is_named(column: Column[object]) -> bool:
    return any(child == column.table.name and column.name in columns for child, columns, _ in NAMED)


def _kind_of(column: Column[object]) -> str:
    return str(column.type).split("(")[0].split(" ")[0].lower()


def _keys_of(column: Column[object]) -> str:
    return ", ".join([*["PK"] * column.primary_key, *["FK"] * bool(column.foreign_keys)])


def _render_references(table: Table) -> Iterator[str]:
    keys = [item for item in table.constraints if isinstance(item, ForeignKeyConstraint)]
    for key in sorted(keys, key=lambda item: tuple(item.column_keys)):
        columns = ", ".join(key.column_keys)
        yield f'{key.referred_table.name} ||--o{{ {table.name} : "{columns}"'


def _render_name(child: str, columns: tuple[str, ...], parent: str) -> str:
    """Return the dashed line; raises ``KeyError`` where the child has no such column."""
    names = ", ".join(_find(child).c[name].name for name in columns)
    return f'{_find(parent).name} ||..o{{ {child} : "{names}"'


def _find(name: str) -> Table:
    return metadata.tables[f"{SCHEMA}.{name}"]


if __name__ == "__main__":
    print(render_diagram(), end="")
