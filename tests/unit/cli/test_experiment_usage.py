"""What ``factorprism experiment`` says: the list with its times, a plain word on a wrong name."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import console
from factorprism.experiments import CATALOGUE


def call(tmp_path: Path, *arguments: str) -> CompletedProcess[str]:
    settings = {"FACTORPRISM_HOME": str(tmp_path / "home")}
    return console.call(settings, "experiment", *arguments)


def test_without_a_name_all_are_listed_with_their_question_and_stated_times(
    tmp_path: Path,
) -> None:
    done = call(tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * len(CATALOGUE)
    for experiment, head, question in zip(CATALOGUE, lines[::2], lines[1::2], strict=True):
        assert head.startswith(experiment.name)
        assert "quick" in head
        assert "full" in head
        assert question.strip() == experiment.question
    assert not (tmp_path / "home").exists()
    assert call(tmp_path, "list").stdout == done.stdout


def test_an_unknown_name_is_answered_with_the_known_ones_before_anything_starts(
    tmp_path: Path,
) -> None:
    done = call(tmp_path, "stackings", "--quick")
    assert done.returncode == 2
    assert done.stdout == ""
    sentence, remedy = done.stderr.strip().splitlines()
    assert "'stackings'" in sentence
    assert all(experiment.name in remedy for experiment in CATALOGUE)
    assert not (tmp_path / "home").exists()
