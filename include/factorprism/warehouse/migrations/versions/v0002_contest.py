"""The contest's folds and reports, the forecasts' explanations, decisions by hand."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the contest's tables and number the decisions on one candidate of one session."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
