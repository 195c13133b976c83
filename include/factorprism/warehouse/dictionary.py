"""Writes the data dictionary from the tables' own comments, as Markdown on standard output.

python -m factorprism.warehouse.dictionary > docs/data-dictionary.md
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Dialect, Table
from sqlalchemy.dialects import postgresql

from factorprism.warehouse.tables import SCHEMA, VIEWS, View, metadata

_HEAD = f"""\
# Data dictionary

The tables of the warehouse, schema `{SCHEMA}`. Generated from the comments in
`include/factorprism/warehouse`; write it again with
`python -m factorprism.warehouse.dictionary > docs/data-dictionary.md`.

Columns named `*_at` are wall-clock moments with a time zone. Days are trading days of the symbol's
exchange. A column is filled unless its meaning says what null stands for.
"""


def render_dictionary() -> str:
    """Return the dictionary, as Markdown: all tables by name, then the views."""
    tables = sorted(metadata.tables.values(), key=lambda table: table.name)
    views = sorted(VIEWS, key=lambda view: view.name)
    return "\n".join([_HEAD, *map(_render_table, tables), *map(_render_view, views)])


def _render_table(table: Table) -> str:
    lines = [f"## {table.name}", "", f"{table.comment}", "", *_HEADER]
    lines += [_render_column(column) for column in table.columns]
    rules = sorted(
        str(item.sqltext) for item in table.constraints if isinstance(item, CheckConstraint)
    )
    if rules:
        lines += ["", "Rules:", "", *(f"- `{rule}`" for rule in rules)]
    return "\n".join([*lines, ""])


_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
_HEADER = ("| column | type | key | meaning |", "|---|---|---|---|")


def _render_column(column: Column[object]) -> str:
    kind = column.type.compile(_DIALECT).lower()
    kind = {"float(53)": "float8", "timestamp with time zone": "timestamptz"}.get(kind, kind)
    key = "key" if column.primary_key else ""
    for foreign in column.foreign_keys:
        key = ", ".join(filter(None, (key, f"of {foreign.column.table.name}")))
    return f"| `{column.name}` | {_escape(kind)} | {key} | {_escape(column.comment or '')} |"


def _escape(text: str) -> str:
    """Return `text` as Markdown in which no pair of brackets makes a link."""
    return text.replace("][", r"]\[")


def _render_view(view: View) -> str:
    lines = [f"## {view.name} (view)", "", view.comment, "", "| column | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {comment} |" for name, comment in view.columns.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(render_dictionary(), end="")
