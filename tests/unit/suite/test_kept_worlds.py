"""The suite's own parts: worlds that are built once and never taken half done, and the order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from worlds import UNUSED_SECONDS, Shelf, hash_sources


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "worlds", "a" * 16)


def count_builds(seconds: float = 0.0) -> tuple[Callable[[Path], None], list[Path]]:
    built: list[Path] = []

    def build(draft: Path) -> None:
        built.append(draft)
        (draft / "first").touch()
        time.sleep(seconds)
        (draft / "second").touch()

    return build, built


def test_many_that_ask_at_once_wait_for_one_builder(shelf: Shelf) -> None:
    build, built = count_builds(0.1)
    barrier = Barrier(4)

    def ask(_: int) -> list[str]:
        barrier.wait()
        return sorted(file.name for file in shelf.keep("one", build).iterdir())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [["first", "second"]] * 4
    assert len(built) == 1


def test_what_was_built_before_is_taken_as_it_is(shelf: Shelf) -> None:
    build, built = count_builds()
    assert shelf.keep("one", build) == shelf.keep("one", build)
    assert len(built) == 1
    assert shelf.keep("two", build) != shelf.keep("one", build)
    assert len(built) == 2


def test_a_build_that_was_cut_off_is_never_taken_and_is_begun_anew(shelf: Shelf) -> None:
    def fail(draft: Path) -> None:
        (draft / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.keep("one", fail)
    build, _ = count_builds()
    assert {file.name for file in shelf.keep("one", build).iterdir()} == {"first", "second"}


def test_what_nobody_has_used_for_long_goes_and_what_is_taken_stays(shelf: Shelf) -> None:
    build, built = count_builds()
    other = Shelf(shelf.folder, "b" * 16)
    unused, used, recent = (
        shelf.keep("one", build),
        shelf.keep("two", build),
        other.keep("x", build),
    )
    old = Shelf(shelf.folder, "c" * 16).keep("one", build)
    half = old.with_name("two.draft")
    half.mkdir()
    long_ago = time.time() - UNUSED_SECONDS - 1
    for kept in (unused, used, old, half):
        os.utime(kept, (long_ago, long_ago))
    assert shelf.keep("two", build) == used
    shelf.clear(time.time())
    assert (used.exists(), recent.exists()) == (True, True)
    assert (unused.exists(), old.parent.exists()) == (False, False)
    assert len(built) == 4


@pytest.mark.parametrize(
    "file",
    ["include/code.py", "include/data.sql", "dags/daily.py", "requirements.txt", "tests/worlds.py"],
)
def test_a_changed_source_asks_for_other_worlds(tmp_path: Path, file: str) -> None:
    for name in (file, "docs/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    before = hash_sources(tmp_path)
    (tmp_path / "docs/page.md").write_text("after")
    assert hash_sources(tmp_path) == before
    (tmp_path / file).write_text("after")
    assert hash_sources(tmp_path) != before
    (tmp_path / file).write_text("before")
    (tmp_path / file).rename(tmp_path / f"{file}.sql")
    assert hash_sources(tmp_path) != before


def test_what_is_run_first_is_there(request: Any, repository_root: Path) -> None:
    conftest = request.config.pluginmanager.get_plugin(str(repository_root / "tests/conftest.py"))
    assert [file for file in conftest.LONGEST if not (repository_root / file).is_file()] == []
    assert all((repository_root / "tests" / name).is_dir() for name in conftest.SLOW_FOLDERS)
