"""One file in a folder, and the one command: from its bars to a forecast, and again the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console import call, spawn
from factorprism.core.universe import UNIVERSES_FILE
from factorprism.sources import SampleSource
from factorprism.warehouse import PostgresWarehouse

N_ROWS = 1100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The last years of an index, which end in 2018, named as a share that does not say where."""
    source = SampleSource()
    symbol = "^GSPC"
    final = source.final_session(symbol)
    assert final is not None
    (pull,) = source.fetch_bars([symbol], source.first_session(symbol), final)
    columns = {"session": "date", "volume_shares": "volume"}
    bars = pull.bars.rename(columns=columns)[["date", "open", "high", "low", "close", "volume"]]
    (tmp_path / "bars").mkdir()
    bars.tail(N_ROWS).to_csv(tmp_path / "bars" / "SPX.csv", index=False)
    (tmp_path / "bars" / "files.toml").write_text('"SPX.US" = { adjusted = false }\n', "utf-8")
    return tmp_path / "bars"


@pytest.fixture
def settings(folder: Path, tmp_path: Path, migrated_url: str, tracking_url: str) -> dict[str, str]:
    return {
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_FILES": str(folder),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": tracking_url,
        # The smallest network and one epoch: what is tested is the way, not the forecast.
        "FACTORPRISM_MODEL": "inception_tiny",
        "FACTORPRISM_EPOCHS": "1",
        "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
        "FACTORPRISM_CONTEST_FOLDS": "1",
    }


@pytest.mark.slow
def test_a_run_goes_from_one_file_to_a_forecast_and_a_second_one_changes_nothing(
    settings: dict[str, str], tmp_path: Path, warehouse: PostgresWarehouse
) -> None:
    asked = call(settings, "run", "--no-airflow")
    assert asked.returncode == 2
    assert "SPX.csv does not say where SPX trades; say it: --exchange XNYS" in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "home").exists()

    done = spawn(settings, "run", "--no-airflow", "--exchange", "NYSE", timeout=600)
    assert done.returncode in (0, 3), done.stderr  # one epoch may well be withheld as novel
    assert "universe files: SPX.US on the days of XNYS" in done.stderr
    assert "source files, signal files-direction-14, session 2018-12-31" in done.stderr
    (row,) = json.loads(call(settings, "forecasts", "--format", "json").stdout)
    assert (row["signal"], row["symbol"]) == ("files-direction-14", "SPX.US")
    assert (row["session"], row["horizon_end"]) == ("2018-12-31", "2019-01-22")
    assert row["model_id"] != "none"

    left = warehouse.fingerprint(), (tmp_path / "home" / UNIVERSES_FILE).read_bytes()
    again = spawn(settings, "run", "--no-airflow", timeout=600)
    assert again.returncode == done.returncode
    assert (warehouse.fingerprint(), (tmp_path / "home" / UNIVERSES_FILE).read_bytes()) == left
