"""An evening that stopped at a full disk, and whose reason was another one later."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from factorprism.core.ledger import ForecastState
from factorprism.pipelines import run_step
from factorprism.warehouse import PostgresWarehouse

SESSION = date(2025, 12, 10)


def test_a_later_withheld_row_with_another_reason_follows(
    migrated_url: str, warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    settings = {
        "FACTORPRISM_HOME": str(tmp_path),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": f"sqlite:///{tmp_path / 'mlflow.db'}",
    }
    reasons = ["No space left on device: /srv/home", "no champion in force"]
    for reason in (reasons[0], reasons[0], reasons[1]):
        run_step("daily", "withhold", SESSION, {"reason": reason}, settings)
    rows = warehouse.forecasts.load_forecasts("hs300-direction-14")
    assert [row.reason for row in rows] == reasons
    assert {row.state for row in rows} == {ForecastState.WITHHELD}
