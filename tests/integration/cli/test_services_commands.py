"""The commands that start and stop the embedded services, as a person calls them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import console
from factorprism.core.alerts import Alert
from factorprism.core.roles import OWNER, READER, WRITER
from factorprism.services import EmbeddedPostgres
from factorprism.warehouse import PostgresWarehouse
from sql import execute


def call(home: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    return console.call({"FACTORPRISM_HOME": str(home), **settings}, *arguments)


def remove(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.stop()
    shutil.rmtree(server.data_folder.parent, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="factorprism-services-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)
    shutil.rmtree(folder, ignore_errors=True)


def is_current(home: Path) -> bool:
    with closing(PostgresWarehouse(EmbeddedPostgres(home).url())) as warehouse:
        return warehouse.is_current()


def test_a_start_brings_the_schema_up_on_a_fresh_home_and_after_an_upgrade(home: Path) -> None:
    start = ("services", "start", "--only-warehouse")
    assert console.spawn({"FACTORPRISM_HOME": str(home)}, *start).returncode == 0
    assert is_current(home)
    execute(EmbeddedPostgres(home).url("prism", OWNER), "DROP SCHEMA prism CASCADE")
    assert not is_current(home)
    assert call(home, "services", "start", "--only-warehouse").returncode == 0
    assert is_current(home)
    with closing(PostgresWarehouse(EmbeddedPostgres(home).url())) as warehouse:
        # As an earlier version has left it, which ran evenings after the end of the sample.
        left = Alert("daily hs300-direction-14", "critical", "no bar", session=date(2026, 1, 5))
        warehouse.alerts.raise_alert(left)
        done = call(home, "services", "start", "--only-warehouse")
        assert (
            "alert daily hs300-direction-14 is closed: no run of its session is due" in done.stdout
        )
        assert warehouse.alerts.list_open_alerts() == []


def test_the_address_that_is_printed_is_the_writers_and_the_owner_migrates(home: Path) -> None:
    printed = call(home, "services", "url")
    server = EmbeddedPostgres(home)
    assert printed.stdout == f"{server.url('prism', WRITER)}\n"
    call(home, "forecasts")
    assert is_current(home)
    with closing(PostgresWarehouse(server.url("prism", READER))) as warehouse:
        assert warehouse.is_current()
    assert "runs write as prism_writer" in call(home, "doctor").stdout


def test_an_owners_address_that_is_given_migrates_and_the_writers_alone_says_who_must(
    postgres: Any, warehouse_url: str, tmp_path: Path
) -> None:
    writer = postgres.as_role(warehouse_url, WRITER)
    given = {"FACTORPRISM_WAREHOUSE_URL": writer, "FACTORPRISM_TRACKING_URL": "sqlite://"}
    refused = call(tmp_path, "forecasts", **given)
    assert refused.returncode == 1
    assert "schema is absent or of another version, and prism_writer may not" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
    call(tmp_path, "forecasts", **given, FACTORPRISM_WAREHOUSE_OWNER_URL=warehouse_url)
    with closing(PostgresWarehouse(writer)) as warehouse:
        assert warehouse.is_current()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of 24 MB, which is too small for a database."""
    folder = Path(tempfile.mkdtemp(prefix="factorprism-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0711", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("only root may mount a small disk, and only where that is allowed")
    try:
        yield folder
    finally:
        remount(folder, "rw")
        remove(folder / "home")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def test_a_full_disk_is_said_in_two_lines_and_the_next_start_has_lost_nothing(
    small_disk: Path,
) -> None:
    home = small_disk / "home"
    done = call(home, "services", "start", "--only-warehouse")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.splitlines()[1].startswith("The disk is full: free some space")
    remount(small_disk, "size=600m")
    assert call(home, "services", "start", "--only-warehouse").returncode == 0
    assert is_current(home)


@pytest.mark.parametrize(
    "command", [["services", "start"], ["doctor"], ["run"], ["daily"], ["services", "stop"]]
)
def test_a_home_that_is_read_only_is_said_with_its_path(
    small_disk: Path, command: list[str]
) -> None:
    remount(small_disk, "ro")
    done = call(small_disk / "home", *command)
    assert "unexpected" not in done.stderr
    if done.returncode:
        assert done.returncode == 1
        said = done.stderr + done.stdout
        assert str(small_disk) in said
        assert "set FACTORPRISM_HOME to a folder you may write" in said
    assert (done.returncode == 0) is (command == ["services", "stop"])
