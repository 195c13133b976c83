"""``make secrets``: all that the compose file asks for, random, private, and written once."""

from __future__ import annotations

import base64
import re
import stat
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def write(repository_root: Path, tmp_path: Path) -> Path:
    """A file written by the command itself, in a folder that stands for the repository."""
    for name in ("Makefile", "deploy"):
        (tmp_path / name).symlink_to(repository_root / name)
    return tmp_path


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "secrets"], cwd=folder, capture_output=True, text=True, timeout=30
    )


def read(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_it_writes_what_the_compose_file_asks_for_and_each_is_random(
    write: Path, secret_names: set[str]
) -> None:
    assert make_secrets(write).returncode == 0
    first = read(write / ".env")
    assert set(first) == secret_names
    assert len(set(first.values())) == len(first)
    # They stand in URLs as they are.
    assert all(re.fullmatch(r"[A-Za-z0-9_=-]{44,}", value) for value in first.values())
    assert len(base64.urlsafe_b64decode(first["AIRFLOW_FERNET_KEY"])) == 32
    assert len(first["AIRFLOW_JWT_SECRET"]) == 128
    (write / ".env").unlink()
    assert make_secrets(write).returncode == 0
    second = read(write / ".env")
    assert not set(first.values()) & set(second.values())


def test_it_is_readable_by_its_owner_alone_and_leaves_no_draft(write: Path) -> None:
    done = make_secrets(write)
    file = write / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [path for path in write.iterdir() if path.name.startswith(".env.")]
    said = done.stdout + done.stderr
    assert not [value for value in read(file).values() if value in said]


def test_it_never_overwrites(write: Path) -> None:
    make_secrets(write)
    whole = (write / ".env").read_text()
    for link in (False, True):
        if link:
            (write / ".env").unlink()
            (write / ".env").symlink_to(write / "elsewhere")
        refused = make_secrets(write)
        assert refused.returncode != 0
        assert "stays as it is" in refused.stderr
        assert not (write / "elsewhere").exists()
        assert link or (write / ".env").read_text() == whole
    assert (write / ".env").is_symlink()


def test_it_adds_what_a_later_version_asks_for_and_keeps_the_rest(
    write: Path, secret_names: set[str]
) -> None:
    older = "# ours\nUI_PORT=9090\nPOSTGRES_PASSWORD=mine\nAIRFLOW_JWT_SECRET=ours"
    (write / ".env").write_text(older)
    (write / ".env").chmod(0o600)
    done = make_secrets(write)
    assert done.returncode == 0
    text = (write / ".env").read_text()
    assert text.startswith(f"{older}\n")
    lines = [line.split("=", 1) for line in text.splitlines()[1:]]
    assert len(dict(lines)) == len(lines)
    assert set(dict(lines)) == secret_names | {"UI_PORT"}
    assert "PRISM_OWNER_DB_PASSWORD" in done.stdout
    assert not [value for _, value in lines[3:] if value in done.stdout + done.stderr]
    assert stat.S_IMODE((write / ".env").stat().st_mode) == 0o600
    assert make_secrets(write).returncode != 0


def test_git_ignores_it(repository_root: Path) -> None:
    assert ".env" in (repository_root / ".gitignore").read_text().split()
