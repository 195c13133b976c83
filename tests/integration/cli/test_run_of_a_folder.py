"""One file in a folder, and the one command: from its bars to a forecast, and again the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from factorprism.core.universe import UNIVERSES_FILE
from factorprism.sources import SampleSource
from factorprism.warehouse import PostgresWarehouse

PROGRAM = [sys.executable, "-c", "from factorprism.cli import main; main()"]
N_ROWS = 1100
Call = Callable[..., subprocess.CompletedProcess[str]]


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
def call(folder: Path, tmp_path: Path, migrated_url: str) -> Call:
    environ = {
        **os.environ,
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_FILES": str(folder),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": f"sqlite:///{tmp_path / 'mlflow.db'}",
        # The smallest network and one epoch: what is tested is the way, not the forecast.
        "FACTORPRISM_MODEL": "inception_tiny",
        "FACTORPRISM_EPOCHS": "1",
        "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
    }

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments], env=environ, capture_output=True, text=True, timeout=600
        )

    return call


def test_a_run_goes_from_one_file_to_a_forecast_and_a_second_one_changes_nothing(
    call: Call, tmp_path: Path, warehouse: PostgresWarehouse
) -> None:
    asked = call("run", "--no-airflow")
    assert asked.returncode == 2
    assert "SPX.csv does not say where SPX trades; say it: --exchange XNYS" in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "home").exists()

    done = call("run", "--no-airflow", "--exchange", "NYSE")
    assert done.returncode in (0, 3), done.stderr  # one epoch may well be withheld as novel
    assert "universe files: SPX.US on the days of XNYS" in done.stderr
    assert "source files, signal files-direction-14, session 2018-12-31" in done.stderr
    (row,) = json.loads(call("forecasts", "--format", "json").stdout)
    assert (row["signal"], row["symbol"]) == ("files-direction-14", "SPX.US")
    assert (row["session"], row["horizon_end"]) == ("2018-12-31", "2019-01-22")
    assert row["model_id"] != "none"

    left = warehouse.fingerprint(), (tmp_path / "home" / UNIVERSES_FILE).read_bytes()
    again = call("run", "--no-airflow")
    assert again.returncode == done.returncode
    assert (warehouse.fingerprint(), (tmp_path / "home" / UNIVERSES_FILE).read_bytes()) == left
