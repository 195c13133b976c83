"""The one command: killed on its way and called again, it ends with the rows of a calm run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from factorprism.services import EmbeddedPostgres
from factorprism.warehouse import PostgresWarehouse

PROGRAM = [sys.executable, "-c", "from factorprism.cli import main; main()"]
# The smallest network and one epoch: what is tested is the way, not the forecast.
SETTINGS = {"FACTORPRISM_MODEL": "inception_tiny", "FACTORPRISM_EPOCHS": "1"}
MOMENTS = (2.0, 9.0)  # while the history is loaded, and while the champion is trained


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="factorprism-run-"))
    folder.chmod(0o711)
    yield folder
    call(folder, "services", "stop")
    shutil.rmtree(EmbeddedPostgres(folder).data_folder.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def call(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **SETTINGS, "FACTORPRISM_HOME": str(home)}
    return subprocess.run(
        [*PROGRAM, *arguments], env=environ, capture_output=True, text=True, timeout=400
    )


def kill_on_the_way(home: Path, seconds: float) -> None:
    environ = {**os.environ, **SETTINGS, "FACTORPRISM_HOME": str(home)}
    process = subprocess.Popen(
        [*PROGRAM, "run"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def fingerprints(home: Path) -> dict[str, str]:
    warehouse = PostgresWarehouse(EmbeddedPostgres(home).url("prism"))
    try:
        return warehouse.fingerprints()
    finally:
        warehouse.close()


def test_a_run_killed_on_its_way_and_repeated_ends_like_the_one_before_it(home: Path) -> None:
    for seconds in MOMENTS:
        kill_on_the_way(home, seconds)
    done = call(home, "run")
    assert done.returncode == 0, done.stderr
    assert "issued" in done.stdout
    assert "missing 318 of 77712 (0.41%)" in done.stdout
    left = fingerprints(home)

    again = call(home, "run")
    assert again.returncode == 0, again.stderr
    assert "has succeeded already" in again.stderr
    assert fingerprints(home) == left
