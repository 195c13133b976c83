"""A session in the future, and a day without trading: refused by every command, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from factorprism.cli import commands, models
from factorprism.core.errors import ConfigurationError
from factorprism.warehouse import PostgresWarehouse

FUTURE = datetime.now(UTC).date() + timedelta(days=2)
LONG_FUTURE, HOLIDAY = date(2999, 1, 4), date(2024, 10, 3)
COMMANDS: dict[str, Callable[[date], object]] = {
    "daily": lambda day: commands.run_daily(day, "", dry=False),
    "train": lambda day: commands.run_training(day, "", "auto", "none"),
    "settle": lambda day: commands.run_settlement(day, ""),
    "watch": lambda day: commands.run_watch(day, ""),
    "promote": lambda day: models.promote_by_hand("m-1", "because", day, ""),
    "rollback": lambda day: models.roll_back_by_hand("m-1", "because", day, ""),
    "compare": lambda day: models.print_contest_of_two("m-1", "m-2", day, "", as_json=False),
}


@pytest.fixture
def refuse(
    warehouse: PostgresWarehouse,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[date], object], date], str]:
    """Call a command that must be refused and write nothing; return what it says."""
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", migrated_url)
    monkeypatch.setenv("FACTORPRISM_TRACKING_URL", f"sqlite:///{tmp_path / 'mlflow.db'}")

    def call(command: Callable[[date], object], day: date) -> str:
        before = warehouse.fingerprint()
        with pytest.raises(ConfigurationError) as refused:
            command(day)
        assert warehouse.fingerprint() == before
        return str(refused.value)

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_takes_a_session_that_is_none(
    refuse: Callable[[Callable[[date], object], date], str], name: str
) -> None:
    for day in (FUTURE, LONG_FUTURE):
        assert f"{day} lies in the future" in refuse(COMMANDS[name], day)
    assert "does not trade on 2024-10-03" in refuse(COMMANDS[name], HOLIDAY)


def test_a_backfill_does_not_end_in_the_future(
    refuse: Callable[[Callable[[date], object], date], str],
) -> None:
    said = refuse(lambda day: commands.run_backfill(date(2024, 1, 2), day, [], ""), FUTURE)
    assert f"{FUTURE} lies in the future" in said
