"""What the pages show of a training, the exchange's days from the vendor, what was told when."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of trainings and trading days, and let an alert say when it was told."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
