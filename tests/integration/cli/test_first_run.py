"""The one command: killed on its way and called again, it ends with the rows of a calm run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import console
from default_signal import DAILY, WEEKLY
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres
from worlds import read_fingerprints

# The smallest network and one epoch: what is tested is the way, not the forecast.
SETTINGS = {
    "FACTORPRISM_MODEL": "inception_tiny",
    "FACTORPRISM_EPOCHS": "1",
    "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
    "FACTORPRISM_CONTEST_FOLDS": "1",
}
pytestmark = pytest.mark.slow
RUN_SECONDS = 900.0  # on a busy machine
MOMENTS = (2.0, 9.0)  # while the history is loaded, and while the champion is trained


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="factorprism-run-"))
    folder.chmod(0o711)
    yield folder
    call(folder, "services", "stop")
    shutil.rmtree(EmbeddedPostgres(folder).data_folder.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def airflow(home: Path) -> EmbeddedAirflow:
    """The Airflow that the first run has left running."""
    environ = {**os.environ, **SETTINGS}
    return EmbeddedAirflow(home, EmbeddedPostgres(home).url("airflow"), environ)


def call(home: Path, *arguments: str) -> CompletedProcess[str]:
    settings = {**SETTINGS, "FACTORPRISM_HOME": str(home)}
    if arguments == ("run",):
        return console.spawn(settings, *arguments, timeout=RUN_SECONDS)
    return console.call(settings, *arguments)


def kill_on_the_way(home: Path, seconds: float) -> None:
    environ = {**os.environ, **SETTINGS, "FACTORPRISM_HOME": str(home)}
    process = subprocess.Popen(
        [*console.PROGRAM, "run"],
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
    return read_fingerprints(EmbeddedPostgres(home).url("prism"))


def test_a_run_killed_on_its_way_and_repeated_ends_like_the_one_before_it(home: Path) -> None:
    for seconds in MOMENTS:
        kill_on_the_way(home, seconds)
    done = call(home, "run")
    assert done.returncode == 0, done.stderr
    assert "issued" in done.stdout
    assert "missing 318 of 77712 (0.41%)" in done.stdout
    where = done.stderr.split("where the time went")[1]
    assert "airflow " in where
    assert "altogether" in where
    left = fingerprints(home)

    again = call(home, "run")
    assert again.returncode == 0, again.stderr
    assert "has succeeded already" in again.stderr
    assert fingerprints(home) == left


def test_after_the_first_run_both_dags_are_on_and_nothing_follows_the_end_of_the_sample(
    airflow: EmbeddedAirflow,
) -> None:
    runs = airflow.runs()
    for name in (DAILY, WEEKLY):
        dag = runs.api.call("GET", f"/api/v2/dags/{name}")
        assert dag["is_paused"] is False
        assert dag["next_dagrun_run_after"] is None
        held = runs.api.call("GET", f"/api/v2/dags/{name}/dagRuns")["dag_runs"]
        assert {run["run_type"] for run in held} <= {"manual"}


def test_the_replay_is_well_and_a_session_after_it_is_refused(
    airflow: EmbeddedAirflow, home: Path
) -> None:
    well = call(home, "healthcheck")
    assert well.returncode == 0, well.stdout
    assert "the end of the replay" in well.stdout
    assert "note addresses" in well.stdout
    examined = call(home, "doctor")
    for subject in ("source", "addresses"):
        assert f"warn  {subject}" in examined.stdout
        assert f"FIX   {subject}" not in examined.stdout
    before = fingerprints(home)
    refused = call(home, "daily", "--session", "2026-06-01")
    assert refused.returncode == 2
    assert "are a replay and end at 2025-12-31" in refused.stderr
    for options in (["--signal", "NOPE"], ["--start", "2026-01-05"]):
        nothing = call(home, "forecasts", *options)
        assert nothing.returncode == 2
        assert "It holds hs300-direction-14 from 2025-12-31 to 2025-12-31." in nothing.stderr
    assert fingerprints(home) == before
