"""`factorprism ledger verify` says by its words and its exit code whether the ledger fits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from default_signal import SIGNAL
from factorprism.cli.main import app
from factorprism.core.errors import ConfigurationError
from ledger_rows import ISSUED, NO_CHAMPION, WITHHELD


@pytest.fixture
def verify(warehouse, migrated_url, tmp_path, monkeypatch):
    """Run the command on a ledger of three words and one of another signal."""
    for row in (WITHHELD, NO_CHAMPION, ISSUED, replace(WITHHELD, signal="us-direction-14")):
        warehouse.forecasts.append(row)
    # Without both addresses the command would start servers of its own.
    for name in ("WAREHOUSE", "TRACKING"):
        monkeypatch.setenv(f"FACTORPRISM_{name}_URL", migrated_url)
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path))

    def run(*arguments):
        done = CliRunner().invoke(app, ["ledger", "verify", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout

    return run


@pytest.fixture
def alter(run_sql):
    def run():
        run_sql("ALTER TABLE prism.forecasts DISABLE TRIGGER USER")
        run_sql("UPDATE prism.forecasts SET reason = 'x' WHERE position = 2")

    return run


def test_a_ledger_that_fits_says_its_heads_and_ends_with_0(verify, warehouse):
    heads = warehouse.forecasts.list_heads()
    code, said = verify()
    assert code == 0
    assert said.splitlines() == [
        *(f"last row {head.signal}:{head.position}:{head.row_hash}" for head in heads),
        "4 rows of 2 signals: every row fits",
    ]
    assert verify("--expect", str(heads[0]), "--expect", str(heads[1]))[0] == 0


def test_an_altered_row_is_named_and_ends_with_1(verify, alter):
    alter()
    code, said = verify("--signal", SIGNAL)
    assert code == 1
    assert said.startswith(
        f"{SIGNAL}: row 2 (session 2020-12-31, model inception-1, word 2) was altered"
    )
    assert said.endswith("of 1 signal: 1 fault\n")


def test_the_json_has_verdict_heads_and_faults(verify, alter):
    answer = json.loads(verify("--format", "json")[1])
    assert (answer["fits"], answer["n_rows"], answer["faults"]) == (True, 4, [])
    assert [head["position"] for head in answer["heads"]] == [3, 1]
    alter()
    code, said = verify("--format", "json")
    answer = json.loads(said)
    assert (code, answer["fits"]) == (1, False)
    assert (answer["faults"][0]["signal"], answer["faults"][0]["position"]) == (SIGNAL, 2)


def test_another_head_than_the_kept_one_ends_with_1(verify):
    code, said = verify("--expect", f"{SIGNAL}:3:{'0' * 64}")
    assert code == 1
    assert "has another hash than the head that was kept" in said


@pytest.mark.parametrize("text", ["x", f"{SIGNAL}:0:{'0' * 64}", f"{SIGNAL}:3:{'0' * 63}", ""])
def test_a_head_that_cannot_be_read_is_refused(verify, text):
    with pytest.raises(ConfigurationError, match="is no head of a ledger"):
        verify("--expect", text)


def test_a_signal_that_is_not_held_is_refused_with_those_that_are(verify):
    with pytest.raises(ConfigurationError, match="no row of mars-direction-14") as refused:
        verify("--signal", "mars-direction-14")
    assert SIGNAL in refused.value.remedy
