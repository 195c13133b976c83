"""A file is written whole or not at all, by one function for the whole package."""

from __future__ import annotations

import ast
import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from factorprism.core.files import PRIVATE, move_folder_into_place, write_atomic

PACKAGE = Path(__file__).parents[3] / "include" / "factorprism"
MEGABYTE = 2**20


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond a megabyte, as on a disk that has no more room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("content", ["沪深 300\n", b"\x00\r\n"], ids=["text", "bytes"])
def test_a_file_has_its_content_to_the_byte(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_atomic(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(path.parent.iterdir()) == [path]


def test_permissions_are_those_asked_for_less_the_umask(tmp_path: Path) -> None:
    held = os.umask(0o027)
    try:
        write_atomic(tmp_path / "shared", "")
        write_atomic(tmp_path / "secret", "", mode=PRIVATE)
    finally:
        os.umask(held)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"shared": 0o640, "secret": 0o600}


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    with pytest.raises(OSError, match="too large"):
        write_atomic(path, b"x" * 2 * MEGABYTE)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_meets_one_content_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [letter * 200_000 for letter in ("a", "b")]
    write_atomic(path, contents[0])
    done = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(40):
            write_atomic(path, contents[number % 2])
    finally:
        done.set()
        reader.join()
    assert seen <= set(contents)


def test_two_writers_do_not_meet_in_one_draft(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [letter * 200_000 for letter in "abcd"]
    writers = [
        threading.Thread(target=lambda text=text: [write_atomic(path, text) for _ in range(10)])
        for text in contents
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_reaches_the_disk_before_the_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.rename

    def record_sync(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        sync(descriptor)

    def record_replace(source: Path, target: Path) -> None:
        order.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_atomic(tmp_path / "file", "text")
    assert order == ["content", "name", "folder"]


def test_a_folder_is_moved_whole_and_never_over_what_is_there(tmp_path: Path) -> None:
    for name in ("draft", "other"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text(name)
    move_folder_into_place(tmp_path / "draft", tmp_path / "folder")
    with pytest.raises(OSError, match="not empty"):
        move_folder_into_place(tmp_path / "other", tmp_path / "folder")
    assert (tmp_path / "folder" / "deep" / "file").read_text() == "draft"
    assert not (tmp_path / "draft").exists()


# Writes into a folder that is a draft until it is moved into its place.
DRAFTS = {"models/bundle.py"}
MODES = {"w", "wb", "w+", "wb+", "r+", "r+b", "x", "xb"}


def test_nobody_else_renames_or_writes_in_place() -> None:
    offenders = set()
    for folder in (PACKAGE, *(PACKAGE.parents[1] / name for name in ("plugins", "dags"))):
        for path in folder.rglob("*.py"):
            calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if is_write(n)]
            if calls:
                offenders.add(path.relative_to(folder).as_posix())
    assert offenders - DRAFTS == {"core/files.py"}


def is_write(node: ast.AST) -> bool:
    """Tell whether `node` renames, or writes in place; `str.replace` takes two arguments."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else called
    if called in ("replace", "rename") and len(node.args) == 1 and not node.keywords:
        return True
    if name in ("open", "fdopen"):
        return any(isinstance(a, ast.Constant) and a.value in MODES for a in node.args)
    return called in ("write_text", "write_bytes", "NamedTemporaryFile", "mkstemp")


@pytest.mark.parametrize(
    ("line", "writes"),
    [
        ("path.replace(other)", True),
        ("text.replace('a', 'b')", False),
        ("day.replace(day=1)", False),
        ("open(path, 'w')", True),
        ("path.open('xb')", True),
        ("path.open('ab')", False),
        ("path.write_text('')", True),
        ("sys.stdout.write('')", False),
    ],
)
def test_what_writes_in_place(line: str, writes: bool) -> None:
    assert any(map(is_write, ast.walk(ast.parse(line)))) is writes
