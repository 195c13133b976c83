"""The first schema: pulls, bars, factors, models, the ledger of forecasts and its guards."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, the view of factors by name, and the triggers of the ledger."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
