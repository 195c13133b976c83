"""The contest on a real warehouse: killed and resumed, a week later, and read by a person."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

import console
from factorprism.core.contest import ContestReport
from factorprism.core.errors import QualityError
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, contest_size, open_ports, run_pipeline
from factorprism.pipelines.contest import plan_contest
from factorprism.pipelines.contest_size import size_contest
from factorprism.pipelines.weekly import build_dataset
from factorprism.reports import describe_size
from factorprism.selection.contest import Entrant
from rocket_folds import hold_rocket_evaluated
from sql import execute
from worlds import ALONE, SMALL, SMALL_AS_OF, Recipe, World, copy_world, read_fingerprints

TRAINED_AS_OF = date(2024, 6, 28)
COUNT_FOLDS = "SELECT count(*) FROM prism.fold_forecasts"
TABLES = ("fold_forecasts", "contests", "evaluations", "promotions", "models")


@pytest.mark.parametrize(("seconds", "said"), [(90.0, "2 min"), (7200.0, "2.0 h")])
def test_a_contest_that_was_cut_says_how_long_it_was_expected_to_take(
    seconds: float, said: str
) -> None:
    plan = {"expected_seconds": seconds, "left_out": ["rocket: 3 min for what is open of it"]}
    report = ContestReport(
        "hs300-direction-14",
        TRAINED_AS_OF,
        "",
        "",
        {"plan": plan},
    )
    assert f"with {said} expected. Left out: rocket: 3 min" in describe_size(report)


def fingerprints(place: Any) -> dict[str, str]:
    found = read_fingerprints(place.config.warehouse_url)
    return {name: found[name] for name in TABLES}


def kill_when(process: Popen[str], ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and not ready() and time.monotonic() < until:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_contest_killed_on_the_way_ends_with_the_same_table(
    postgres: Any, open_world: Callable[[Recipe], World], tmp_path: Path
) -> None:
    place = copy_world(postgres, open_world(ALONE), tmp_path / "home", **SMALL)
    train = ("train", "--mode", "retrain", "--session", SMALL_AS_OF.isoformat())
    try:
        whole = fingerprints(place)
        (n_folds,) = execute(place.owner_url, COUNT_FOLDS)[0]
        execute(place.owner_url, "DELETE FROM prism.fold_forecasts; DELETE FROM prism.contests")
        for held in sorted(random.Random(14).sample(range(1, n_folds), 2)):
            kill_when(
                console.start(place.environ, *train),
                lambda held=held: execute(place.owner_url, COUNT_FOLDS)[0][0] >= held,
            )
            assert fingerprints(place)["fold_forecasts"] != whole["fold_forecasts"]
        done = console.spawn(place.environ, *train)
        said = done.stdout.splitlines()[0]
        assert said.endswith("no gain on the base rate stands."), done.stderr
        assert fingerprints(place) == whole
    finally:
        postgres.drop_database(place.owner_url)


def test_a_week_later_only_the_newest_fold_is_open(place: Any) -> None:
    later = date(2024, 7, 5)
    with open_ports(place.config) as ports:
        run = Run(later, find_signal(place.config), place.config, ports)
        run_pipeline("backfill", run, {"first": "2024-06-03", "last": later.isoformat()})
        context = build_dataset(run, {})
        (newest,) = {fold["number"] for fold in plan_contest(run, context)["folds"]}
    numbers = execute(
        place.owner_url, "SELECT count(DISTINCT sessions[1]) FROM prism.fold_forecasts"
    )
    assert newest >= numbers[0][0]


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_person_reads_the_sentence_first(place: Any, form: str) -> None:
    done = console.call(place.environ, "contest", "--format", form)
    assert done.returncode == 0, done.stderr
    (sentence,) = execute(place.owner_url, "SELECT sentence FROM prism.contests")[0]
    if form == "json":
        assert json.loads(done.stdout)["sentence"] == sentence
        return
    lines = done.stdout.splitlines()
    assert lines[0] == "# Contest of hs300-direction-14 as of 2024-06-28"
    assert lines[2] == sentence
    assert "| buy and hold" in done.stdout


def test_without_a_contest_the_remedy_is_said(place: Any) -> None:
    execute(place.owner_url, "DELETE FROM prism.contests")
    done = console.call(place.environ, "contest")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "factorprism: no contest of hs300-direction-14 was held",
        "Hold one: factorprism train --signal hs300-direction-14 --contest full.",
    ]


def test_the_times_of_another_device_size_no_night(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Entrant, "name_device", lambda self: "GPU of yesterday")
    monkeypatch.setattr(contest_size, "probe_fold", lambda entrant, fold: 33.0)
    reported: list[str] = []
    config = place.config.with_changes(contest_hours=0.02, contest_networks="mlp_tiny")
    with open_ports(config) as ports:
        run = Run(TRAINED_AS_OF, find_signal(config), config, ports, reported.append)
        size_contest(run, {"contest": "night"} | build_dataset(run, {}))
    assert "contest: logistic takes 33.0 s a fold, by a short try" in reported
    assert not any("of late" in line for line in reported)


def test_a_contest_of_a_night_is_sized_said_and_held_again_in_its_size(place: Any) -> None:
    hold_rocket_evaluated(place.owner_url)
    reported: list[str] = []
    config = place.config.with_changes(contest_hours=0.02, contest_networks="mlp_tiny")
    with open_ports(config) as ports:
        run = Run(TRAINED_AS_OF, find_signal(config), config, ports, reported.append)
        context = {"contest": "night"} | build_dataset(run, {})
        plan = size_contest(run, context)["size"]
        assert any("expected, with the candidate" in line for line in reported)
        assert any("logistic takes" in line and "by 2 folds of late" in line for line in reported)
        assert any("rocket takes 70.0 s a fold, by 1 fold of late" in line for line in reported)
        assert any("mlp_tiny takes" in line and "by a short try" in line for line in reported)
        assert any(line.startswith("contest: left out, rocket: ") for line in reported)
        open_folds = plan_contest(run, context | {"size": plan})["folds"]
        assert {fold["entrant"] for fold in open_folds} <= set(plan["entrants"])
        content = {"plan": plan}
        ports.warehouse.contests.save_report(
            ContestReport(
                "hs300-direction-14",
                TRAINED_AS_OF,
                "a" * 64,
                "Nobody.",
                content,
            )
        )
        reported.clear()
        assert size_contest(run, {"contest": "night"}) == {"size": plan}
        assert not any("takes" in line for line in reported)


def test_nothing_is_trained_on_data_that_end_long_before_the_session(place: Any) -> None:
    with open_ports(place.config) as ports:
        near = Run(date(2024, 7, 5), find_signal(place.config), place.config, ports)
        build_dataset(near, {})
        far = Run(date(2024, 7, 8), find_signal(place.config), place.config, ports)
        with pytest.raises(QualityError, match="end at 2024-06-28, 6 sessions before 2024-07-08"):
            build_dataset(far, {})
