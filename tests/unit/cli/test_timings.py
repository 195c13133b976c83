"""Where the time went: every part once, what is left, and a sum that holds."""

from __future__ import annotations

import time

import pytest

from factorprism.cli.timings import ALL, LEAST_SECONDS, REST, Timings


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def read(lines: list[str]) -> dict[str, list[str]]:
    """Return the columns of each part by its name."""
    return {line[:32].strip(): line[32:].replace(" s", "").split() for line in lines[1:]}


def test_steps_parts_and_what_other_processes_did_stand_in_their_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    timings, reported = Timings(), []
    with timings.part("warehouse", "warehouse: started"):
        work(LEAST_SECONDS)
    on_step = timings.steps("weekly", lambda name, seconds: reported.append(name))
    work(LEAST_SECONDS)
    on_step("evaluate_folds", LEAST_SECONDS)
    on_step("report", 0.001)
    timings.add_elsewhere("daily explain", 7.0)

    rows = read(timings.lines())
    assert list(rows) == ["warehouse", "weekly evaluate_folds", "daily explain", REST, ALL]
    assert reported == ["evaluate_folds", "report"]
    assert float(rows["warehouse"][2]) == pytest.approx(LEAST_SECONDS, abs=0.2)
    assert float(rows["weekly evaluate_folds"][2]) == pytest.approx(LEAST_SECONDS, abs=0.2)
    assert rows["daily explain"][::2] == ["7.0", "elsewhere"]
    assert "s  warehouse: started" in capsys.readouterr().err


def test_what_no_part_names_is_the_rest_of_the_whole() -> None:
    timings = Timings()
    with timings.part("warehouse", "warehouse"):
        work(LEAST_SECONDS)
    work(LEAST_SECONDS)

    rows = read(timings.lines())
    seconds = {name: float(cells[0]) for name, cells in rows.items()}
    assert seconds[ALL] == pytest.approx(seconds["warehouse"] + seconds[REST], abs=0.11)
    assert seconds[REST] >= LEAST_SECONDS
    assert rows[ALL][1] == "100%"


def test_a_part_that_failed_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    timings = Timings()
    with pytest.raises(ValueError, match="broken"), timings.part("airflow", "airflow: up"):
        raise ValueError("broken")

    assert "airflow" not in read(timings.lines())
    assert capsys.readouterr().err == ""
