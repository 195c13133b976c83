"""The Dockerfile: linted, two stages, no root, and nothing of the checkout but what it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(dockerfile: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "Dockerfile").write_text(dockerfile)
    return subprocess.run(
        [HADOLINT, "--no-color", folder / "Dockerfile"], capture_output=True, text=True, timeout=60
    )


def test_the_linter_finds_nothing(repository_root: Path, tmp_path: Path) -> None:
    text = (repository_root / "Dockerfile").read_text()
    clean = lint(text, tmp_path)
    assert (clean.returncode, clean.stdout) == (0, "")
    spoilt = lint(text.replace("python:3.11.14-slim-bookworm", "python"), tmp_path)
    assert "DL3006" in spoilt.stdout, "the linter was not asked"


def test_it_is_pinned_and_runs_as_nobody_in_particular(repository_root: Path) -> None:
    text = (repository_root / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert stages == [
        "python:3.11.14-slim-bookworm",
        "dependencies",
        "python:3.11.14-slim-bookworm",
    ]
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["50000:50000"]


def test_downloads_stay_with_the_builder_and_in_no_layer(repository_root: Path) -> None:
    text = (repository_root / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"^RUN .*(?:uv pip|pip install).*", text, re.MULTILINE)
    assert len(installs) == 3
    for install in installs:
        assert re.search(r"--mount=type=cache,target=/root/\.cache/(uv|pip)", install), install
        assert "no-cache" not in install


def test_nothing_unnamed_is_sent_to_the_builder(repository_root: Path) -> None:
    lines = (repository_root / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    assert not any(".env" in line or ".git" in line for line in lines)


@pytest.fixture
def groom(repository_root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The chart's log groomer, which looks once at the logs of an Airflow's home."""
    logs = tmp_path / "logs" / "dag_id=daily-hs300-direction-14"
    logs.mkdir(parents=True)
    for name, days in (("old.log", 20), ("young.log", 2)):
        (logs / name).write_text("a line")
        moment = time.time() - days * 86400
        os.utime(logs / name, (moment, moment))

    def call(**environ: str) -> subprocess.CompletedProcess[str]:
        settings = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__LOG_CLEANUP_FREQUENCY_MINUTES": "0"}
        return subprocess.run(
            [repository_root / "deploy" / "image" / "clean-logs"],
            env={"PATH": os.environ["PATH"], **settings, **environ},
            capture_output=True,
            text=True,
            timeout=30,
        )

    return call


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ["young.log"]),
        ({"RETENTION_DAYS": "1"}, []),
        ({"RETENTION_DAYS": "30"}, ["old.log", "young.log"]),
        ({"RETENTION_DAYS": "0", "RETENTION_MINUTES": "2885"}, ["young.log"]),
        ({"RETENTION_DAYS": "1", "RETENTION_MINUTES": "1000"}, []),
        ({"RETENTION_DAYS": "30", "MAX_SIZE_BYTES": "12"}, ["old.log", "young.log"]),
        ({"RETENTION_DAYS": "30", "MAX_SIZE_BYTES": "11"}, ["young.log"]),
        ({"RETENTION_DAYS": "30", "MAX_SIZE_BYTES": "5"}, []),
        ({"RETENTION_DAYS": "30", "MAX_SIZE_PERCENT": "50"}, ["old.log", "young.log"]),
    ],
)
def test_the_log_groomer_lets_go_of_old_logs_alone(
    groom: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    settings: dict[str, str],
    left: list[str],
) -> None:
    done = groom(**{f"AIRFLOW__LOG_{name}": value for name, value in settings.items()})
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("*.log")) == left


def test_the_log_groomer_bears_a_folder_that_is_not_there_yet(
    groom: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = groom(AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_entry_point_hands_on_the_command_and_its_end(repository_root: Path) -> None:
    entrypoint = repository_root / "deploy" / "image" / "entrypoint"
    done = subprocess.run(
        [entrypoint, "sh", "-c", 'echo "$0 $1"; exit 3', "a b", "c"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (3, "a b c\n")
