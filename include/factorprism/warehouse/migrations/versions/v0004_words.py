"""Withheld rows in order, lateness, and ends of horizons that are expected rather than known."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Number the words on a forecast, and say how late it is and whether its end is expected."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
