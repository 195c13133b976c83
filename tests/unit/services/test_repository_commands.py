"""The two commands' files: pinned, hashed and without hosts."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ["", "-dev", "-gpu", "-linux-arm64", "-macos-arm64"]


@pytest.mark.parametrize("suffix", LOCKS)
def test_requirements_are_pinned_and_hashed_and_name_no_host(
    repository_root: Path, suffix: str
) -> None:
    text = (repository_root / f"requirements{suffix}.txt").read_text()
    entries = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(entries) > 200
    assert all(
        re.fullmatch(r"[a-z0-9._-]+(\[[a-z,-]+\])?==\S+( ; .+)? \\", line) for line in entries
    )
    assert text.count("--hash=sha256:") >= len(entries)
    assert not re.search(r"://|^--|^-[efi]\b|file:", text, re.MULTILINE)


@pytest.mark.parametrize("suffix", LOCKS[1:])
def test_one_version_of_a_package_is_in_force_on_every_platform(
    repository_root: Path, suffix: str
) -> None:
    def pins(name: str) -> dict[str, str]:
        text = (repository_root / name).read_text()
        return dict(re.findall(r"^([a-z0-9]\S*)==(\S+)", text, re.MULTILINE))

    first, other = pins("requirements.txt"), pins(f"requirements{suffix}.txt")
    shared = first.keys() & other.keys()
    assert len(shared) > 250
    assert {name: first[name] for name in shared} == {name: other[name] for name in shared}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("suffix", ["", "-dev"])
def test_a_lock_has_what_its_packages_need_on_each_python(
    repository_root: Path, suffix: str, python: str
) -> None:
    place = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    text = (repository_root / f"requirements{suffix}.txt").read_text()
    locked = {
        canonicalize_name(re.split(r"[=[]", entry)[0])
        for entry in re.findall(r"^([a-z0-9].*?)(?: \\)?$", text, re.MULTILINE)
        if _is_for(entry, place)
    }
    held = [one for one in distributions() if canonicalize_name(one.name) in locked]
    assert len(held) > 200
    needed = [Requirement(line) for one in held for line in one.requires or ()]
    wanted = {
        canonicalize_name(one.name)
        for one in needed
        if one.marker is None or one.marker.evaluate(place)
    }
    assert wanted <= locked


def _is_for(entry: str, place: dict[str, str]) -> bool:
    marker = Requirement(entry).marker
    return marker is None or marker.evaluate(place)


def test_one_release_of_uv_installs_everywhere(repository_root: Path) -> None:
    files = [*(repository_root / ".ci").iterdir(), repository_root / "Dockerfile"]
    named = {
        release
        for file in files
        for release in re.findall(r"uv(?:==|_version=)([\d.]+)", file.read_text())
    }
    assert len(named) == 1


def test_help_lists_every_target(repository_root: Path) -> None:
    done = subprocess.run(
        ["make", "help"], cwd=repository_root, capture_output=True, text=True, check=True
    )
    listed = re.findall(r"^make (\w+)", done.stdout, re.MULTILINE)
    for target in ("run", "test", "up", "down", "check", "bench", "lock", "secrets", "help"):
        assert target in listed
