"""`backup`, `restore` and `housekeeping` as a person calls them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import console
from factorprism.core.alerts import Alert
from factorprism.core.roles import READER, WRITER
from factorprism.warehouse import PostgresWarehouse

Call = Callable[..., CompletedProcess[str]]


@pytest.fixture
def call(migrated_url: str, tracking_url: str, tmp_path: Path) -> Call:
    settings = {
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_BACKUPS": str(tmp_path / "backups"),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": tracking_url,
    }
    return lambda *arguments: console.call(settings, *arguments)


def test_a_backup_is_restored_elsewhere_with_the_same_fingerprint_and_every_roles_rights(
    call: Call, warehouse: PostgresWarehouse, warehouse_url: str, postgres: Any
) -> None:
    warehouse.alerts.raise_alert(Alert("daily hs300-direction-14", "critical", "stale data"))
    done = call("backup")
    assert done.returncode == 0, done.stderr
    file = done.stdout.strip()
    assert Path(file).is_file()
    restored = call("restore", file, "--into", warehouse_url)
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.strip() == f"restored; fingerprint {warehouse.fingerprint()}"
    with closing(PostgresWarehouse(postgres.as_role(warehouse_url, WRITER))) as copy:
        assert copy.fingerprint() == warehouse.fingerprint()
        assert copy.alerts.resolve_alert(
            "daily hs300-direction-14", "it is here", through=date(2026, 1, 5)
        )
    with closing(PostgresWarehouse(postgres.as_role(warehouse_url, READER))) as copy:
        assert copy.is_current()
    again = call("restore", file, "--into", warehouse_url)
    assert again.returncode == 1
    assert "holds a warehouse already" in again.stderr


def test_a_full_disk_is_reported_in_two_lines(call: Call, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "prism.dump.partial").symlink_to("/dev/full")
    done = call("backup")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 2
    assert "No space left on device" in done.stderr
    assert done.stdout == ""


def test_a_dry_run_lists_and_leaves_everything(call: Call, tmp_path: Path) -> None:
    old = tmp_path / "home" / "logs" / "old.log"
    old.parent.mkdir(parents=True)
    old.write_text("x")
    os.utime(old, (1e9, 1e9))
    done = call("housekeeping", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "may go: file logs/old.log: not written to for 180 days" in done.stdout
    assert old.exists()
    assert not (tmp_path / "backups").exists()
    assert "airflow db clean" in done.stderr
