"""Findings of the gate by name, what a person has accepted, and the rows that were set aside."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of findings, of their acceptance, and of rows that were set aside."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
