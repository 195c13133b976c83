"""The Dockerfile: linted, two stages, no root, and nothing of the checkout but what it names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
