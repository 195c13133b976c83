"""`factorprism quality accept` as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.core.schemas import Finding, Pull, empty_bars
from factorprism.warehouse import PostgresWarehouse

PROGRAM = [sys.executable, "-c", "from factorprism.cli import main; main()"]
Call = Callable[..., subprocess.CompletedProcess[str]]
SYMBOL, DAY = "000300.SH", date(2024, 1, 9)
NAME = "abc123def456"
SENTENCE = "000300.SH: low lies above open or close on 2024-01-09 (-0.01)."


@pytest.fixture
def accept(warehouse: PostgresWarehouse, migrated_url: str, tmp_path: Path) -> Call:
    """Call the command on a warehouse with one finding."""
    rows = {DAY.isoformat(): "-0.01"}
    finding = Finding(NAME, SYMBOL, "bars", "low_covers_body", "low", rows, (DAY,), SENTENCE)
    pull = Pull("files", SYMBOL, DAY, DAY, empty_bars(), datetime(2024, 1, 9, 11))
    warehouse.findings.save_findings(warehouse.pulls.save_pull(pull), [finding])
    environ = {
        **os.environ,
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
    }

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "quality", "accept", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)

    return call


def test_a_finding_is_accepted_once_in_the_name_of_who_calls(
    accept: Call, warehouse: PostgresWarehouse
) -> None:
    done = accept(NAME, "--because", "the bulletin has it")
    (accepted,) = warehouse.findings.list_accepted([SYMBOL])
    assert (accepted.finding.finding_id, accepted.reason) == (NAME, "the bulletin has it")
    assert done.returncode == 0, done.stderr
    sentence = f"finding {NAME} is accepted by {accepted.accepted_by}; the next run lets it pass"
    assert (done.stdout.strip(), done.stderr) == (sentence, "")

    again = accept(NAME, "--because", "another reason")
    assert again.returncode == 0, again.stderr
    said = f"finding {NAME} was accepted before; the first word on it stands"
    assert again.stdout.strip() == said
    assert warehouse.findings.list_accepted([SYMBOL]) == [accepted]


@pytest.mark.parametrize(
    ("name", "reason", "lines"),
    [
        (
            "nobody",
            "it is real",
            ["factorprism: no finding 'nobody' is known", "List them: factorprism quality."],
        ),
        (
            NAME,
            "  ",
            ["factorprism: accepting a finding needs a person and a reason", "Write one sentence."],
        ),
    ],
)
def test_an_unknown_name_and_an_empty_reason_are_refused_in_two_plain_lines(
    accept: Call, warehouse: PostgresWarehouse, name: str, reason: str, lines: list[str]
) -> None:
    done = accept(name, "--because", reason)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == lines
    assert done.stdout == ""
    assert warehouse.findings.list_accepted([SYMBOL]) == []
