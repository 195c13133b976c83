"""Backups against a real server: restored they are the same, and a failed one harms no other."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.errors import ArtefactError, WarehouseError
from factorprism.warehouse import Backup, PostgresWarehouse, back_up, list_backups, restore
from factorprism.warehouse.db.backup import PARTIAL, _find_programs, _run, _strip_password
from factorprism.warehouse.db.connection import parse_url
from ledger_rows import WITHHELD

NOW = datetime(2026, 11, 22, 1, 0, 0)


@pytest.fixture
def filled(warehouse: PostgresWarehouse, build_bars: Any, build_pull: Any) -> PostgresWarehouse:
    """A warehouse with bars, revisions, a ledger row, an alert and vendor's days."""
    bars = build_bars(n=300)
    for frame in (bars, bars.assign(close=bars["close"] * 1.001)):
        warehouse.bars.merge_bars(frame, warehouse.pulls.save_pull(build_pull(frame)))
    warehouse.forecasts.append(WITHHELD)
    warehouse.alerts.raise_alert(Alert("daily hs300-direction-14", "critical", "stale data"))
    warehouse.calendar.save_days("XSHG", "tushare", {date(2027, 1, 4): True}, NOW)
    return warehouse


@pytest.fixture
def backup(filled: PostgresWarehouse, migrated_url: str, tmp_path: Path) -> Backup:
    return back_up(migrated_url, tmp_path / "backups", keep=3, now=NOW)


def test_a_restored_backup_has_the_same_fingerprint_and_the_same_rules(
    backup: Backup, filled: PostgresWarehouse, warehouse_url: str
) -> None:
    restore(backup.path, warehouse_url)
    restored = PostgresWarehouse(warehouse_url)
    assert restored.fingerprints() == filled.fingerprints()
    assert restored.fingerprint() == filled.fingerprint()
    restored.migrate()  # its schema is whole and current
    # The ledger is append-only in the copy, too, and work goes on in it.
    assert not restored.forecasts.append(WITHHELD)
    assert restored.pulls.load_pull(1).bars.equals(filled.pulls.load_pull(1).bars)
    with (
        pytest.raises(WarehouseError, match=r"append|never|refuses"),
        restored._database.begin() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM prism.forecasts")
    restored.close()


def test_a_backup_is_private_and_stands_beside_its_hash(backup: Backup) -> None:
    assert backup.path.name == "prism-20261122T010000Z.dump"
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.path.parent.stat().st_mode) == 0o700
    digest = hashlib.sha256(backup.path.read_bytes()).hexdigest()
    assert backup.sha256 == digest
    beside = backup.path.with_name(f"{backup.path.name}.sha256")
    assert beside.read_text() == f"{digest}  {backup.path.name}\n"
    assert not (backup.path.parent / PARTIAL).exists()


def test_what_a_program_writes_is_private_from_the_first_byte_on() -> None:
    assert _run(["sh", "-c", "umask"]).strip() == "0077"


def test_the_oldest_go_once_a_newer_one_is_verified(backup: Backup, migrated_url: str) -> None:
    folder = backup.path.parent
    for day in (23, 24, 25):
        back_up(migrated_url, folder, keep=3, now=NOW.replace(day=day))
    names = [path.name[6:14] for path in list_backups(folder)]
    assert names == ["20261125", "20261124", "20261123"]
    assert len(list(folder.iterdir())) == 6


def test_a_full_disk_is_reported_and_leaves_the_older_backups(
    backup: Backup, migrated_url: str
) -> None:
    folder = backup.path.parent
    before = sorted(path.name for path in folder.iterdir())
    # The one device that is always full takes the place of the file to write.
    (folder / PARTIAL).symlink_to("/dev/full")
    with pytest.raises(WarehouseError, match="No space left on device") as caught:
        back_up(migrated_url, folder, keep=1, now=NOW.replace(day=23))
    assert "Free some space" in caught.value.remedy
    assert len(str(caught.value).splitlines()) == 2
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(migrated_url: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WarehouseError, match="cannot be written"):
        back_up(migrated_url, tmp_path / "backups", keep=1, now=NOW)


def test_an_altered_backup_is_not_restored(backup: Backup, warehouse_url: str) -> None:
    content = bytearray(backup.path.read_bytes())
    content[len(content) // 2] ^= 1
    backup.path.write_bytes(content)
    with pytest.raises(ArtefactError, match="not what its SHA-256 says"):
        restore(backup.path, warehouse_url)
    backup.path.unlink()
    with pytest.raises(ArtefactError, match="cannot be read"):
        restore(backup.path, warehouse_url)


def test_a_warehouse_in_use_is_never_restored_over(backup: Backup, migrated_url: str) -> None:
    with pytest.raises(WarehouseError, match="holds a warehouse already"):
        restore(backup.path, migrated_url)


def test_an_empty_database_is_no_warehouse_to_back_up(warehouse_url: str, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError):
        back_up(warehouse_url, tmp_path, keep=1, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_newer_than_every_pg_dump_is_refused() -> None:
    with pytest.raises(WarehouseError, match="the server is PostgreSQL 99, and only pg_dump") as no:
        _find_programs(99)
    assert "postgresql-client-99" in no.value.remedy


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://prism:open-sesame@127.0.0.1:5432/prism?sslmode=require",
        "postgresql://prism@/prism?host=/run/postgresql&password=open-sesame",
    ],
)
def test_the_programs_are_never_given_the_password_as_an_argument(url: str) -> None:
    place = _strip_password(parse_url(url))
    assert "sesame" not in place
    assert "prism" in place
    assert ("sslmode=require" in place) == ("sslmode" in url)


def test_an_unreachable_server_is_reported_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="cannot be reached") as caught:
        back_up("postgresql://prism:open-sesame@127.0.0.1:9/prism", tmp_path, keep=1, now=NOW)
    assert "sesame" not in str(caught.value)
