"""`factorprism quality accept` as a person calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import console
from factorprism.cli.findings import describe_findings, print_findings
from factorprism.market.bars import Pull, empty_bars
from factorprism.market.findings import Finding, SetAside
from factorprism.warehouse import PostgresWarehouse

Call = Callable[..., CompletedProcess[str]]
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
    settings = {
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": "sqlite://",  # or an embedded server is started for it
    }

    return lambda *arguments: console.call(settings, "quality", "accept", *arguments)


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


def test_what_cannot_be_accepted_is_listed_and_refused_with_what_to_do_instead(
    accept: Call, warehouse: PostgresWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    store, rows = warehouse.findings, {"2024-01-13": "False"}
    sentence = "000300.SH: rows lie on days without trading on 2024-01-13 (False)."
    days = (date(2024, 1, 13),)
    name = "5a7u2da75a7u"
    extra = Finding(
        name, SYMBOL, "bars_calendar", "no_session_extra", "session", rows, days, sentence
    )
    (pull,) = warehouse.pulls.list_pulls([SYMBOL], 1)
    store.save_findings(pull.pull_id, [extra])
    store.save_set_aside(pull.pull_id, [SetAside(SYMBOL, days[0], pull.pull_id, name, sentence)])

    because = "images have no place for a day without trading"
    remedy = "Nothing needs to be done: such a row stays out, and no forecast needs it."
    print_findings(describe_findings(store, SYMBOL))
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(f"  [{name}] {sentence}")
    assert lines[place + 1] == f"    It cannot be accepted, since {because}. {remedy}"
    assert not any("--because" in line for line in lines)

    done = accept(name, "--because", "it was a Saturday")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.strip().splitlines() == [
        f"factorprism: finding {name} cannot be accepted, since {because}: {sentence}",
        remedy,
    ]
    assert store.list_accepted([SYMBOL]) == []


def test_what_was_fixed_is_listed_with_the_pull_that_fixed_it(
    accept: Call, warehouse: PostgresWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    store = warehouse.findings
    (pull,) = warehouse.pulls.list_pulls([SYMBOL], 1)
    store.save_set_aside(pull.pull_id, [SetAside(SYMBOL, DAY, pull.pull_id, NAME, SENTENCE)])
    assert [item["finding_id"] for item in describe_findings(store, SYMBOL)["findings"]] == [NAME]
    store.clear_set_aside(SYMBOL, [DAY], pull.pull_id)
    print_findings(describe_findings(store, SYMBOL))
    (fixed,) = store.list_fixed([SYMBOL], 5)
    assert capsys.readouterr().out.splitlines() == [
        "fixed: 1",
        f"  [{NAME}] by pull {pull.pull_id} on {fixed.fixed_at:%Y-%m-%d}: {SENTENCE}",
    ]


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
