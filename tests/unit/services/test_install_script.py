"""The install script in a folder of its own: which lock is chosen, and what it remembers.

`uv` and `uname` are small programs of the test, so that nothing is installed and any platform can
be tried.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

UV = """#!/bin/sh
if [ "$1" = --version ]; then
  sed -n 's/^uv_version=/uv /p' "$(dirname "$0")/../../.ci/uv-settings"
  exit
fi
echo "$@" >>"$(dirname "$0")/calls"
tries=0
while [ -n "$UV_WAITS_FOR" ] && [ ! -e "$UV_WAITS_FOR" ] && [ $tries -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
"""


@dataclass(frozen=True)
class Place:
    """A copy of the install script beside an empty environment."""

    folder: Path

    def start(self, kind: str, **settings: str) -> subprocess.Popen[str]:
        bare = {name: value for name, value in os.environ.items() if name != "GPU"}
        path = f"{self.folder / 'programs'}:{bare['PATH']}"
        return subprocess.Popen(
            [self.folder / ".ci" / "install", kind],
            env=bare | {"PATH": path} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def install(self, kind: str, **settings: str) -> subprocess.CompletedProcess[str]:
        with self.start(kind, **settings) as process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def locks(self) -> list[str]:
        """Return the locks of the last synchronisation, empty where nothing was installed."""
        calls = self.folder / ".venv" / "bin" / "calls"
        if not calls.exists():
            return []
        synced = [line.split() for line in calls.read_text().splitlines() if " sync " in line]
        calls.unlink()
        return [word for word in synced[-1] if word.startswith("requirements")]

    def add_program(self, name: str, text: str) -> None:
        program = self.folder / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)


@pytest.fixture
def place(repository_root: Path, tmp_path: Path) -> Place:
    shutil.copytree(repository_root / ".ci", tmp_path / ".ci")
    for file in (*repository_root.glob("requirements*.txt"), repository_root / "pyproject.toml"):
        shutil.copy(file, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(Path(sys.executable).resolve())
    (programs / "uv").write_text(UV)
    (programs / "uv").chmod(0o755)
    made = Place(tmp_path)
    made.add_program("uname", "echo Linux x86_64")
    return made


def test_the_cuda_build_stays_until_another_is_asked_for(place: Place) -> None:
    assert place.install("run", GPU="1").returncode == 0
    assert place.locks() == ["requirements-gpu.txt"]
    place.install("run")
    assert place.locks() == []
    place.install("dev")
    assert place.locks() == ["requirements-gpu.txt", "requirements-dev.txt"]
    place.install("run")
    assert place.locks() == []
    place.install("run", GPU="0")
    assert place.locks() == ["requirements.txt"]
    place.install("run")
    assert place.locks() == []


def test_an_environment_of_before_is_known_for_its_cuda_build(place: Place) -> None:
    (place.folder / ".venv" / "factorprism.installed").write_text("gpu 0123456789abcdef\n")
    place.install("run")
    assert place.locks() == ["requirements-gpu.txt"]


def test_an_install_that_was_cut_off_keeps_the_build(place: Place) -> None:
    place.install("run", GPU="1")
    place.locks()
    (place.folder / ".venv" / "factorprism.installing").touch()
    place.install("run")
    assert place.locks() == ["requirements-gpu.txt"]


@pytest.mark.parametrize(
    ("platform", "lock"),
    [
        ("Linux aarch64", "requirements-linux-arm64.txt"),
        ("Darwin arm64", "requirements-macos-arm64.txt"),
    ],
)
def test_each_platform_has_its_lock(place: Place, platform: str, lock: str) -> None:
    place.add_program("uname", f"echo {platform}")
    place.add_program("sw_vers", "echo 14.5")
    assert place.install("run").returncode == 0
    assert place.locks() == [lock]


@pytest.mark.parametrize(
    ("platform", "settings", "sentence"),
    [
        ("Linux riscv64", {}, "there are no packages for Linux riscv64"),
        ("Darwin x86_64", {}, "there are no packages for Darwin x86_64"),
        ("Darwin arm64", {}, "ta-lib has no package for a macOS before 14"),
        ("Linux aarch64", {"GPU": "1"}, "TensorFlow has no CUDA build for Linux aarch64"),
    ],
)
def test_what_a_platform_lacks_is_said_in_one_line(
    place: Place, platform: str, settings: dict[str, str], sentence: str
) -> None:
    place.add_program("uname", f"echo {platform}")
    place.add_program("sw_vers", "echo 13.7")
    refused = place.install("run", **settings)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == sentence
    assert len(refused.stderr.splitlines()) == 2
    assert place.locks() == []


def test_a_linux_without_glibc_is_reported_so(place: Place) -> None:
    place.add_program("uname", "echo Linux x86_64")
    place.add_program("ldd", "echo 'musl libc (x86_64)' >&2; exit 1")
    refused = place.install("run")
    assert refused.returncode == 1
    assert "TensorFlow has no package for a Linux with musl (Alpine)" in refused.stderr


def test_a_long_step_says_what_it_is_at(place: Place) -> None:
    """The step lasts until its first word is heard, however slow the machine."""
    heard, lines = place.folder / "heard", []
    with place.start("run", UV_WAITS_FOR=str(heard), PROGRESS_SECONDS="1") as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(re.fullmatch(r" *(\d+) s  (.*)\n", line))
            if lines[-1] and lines[-1][2].startswith("packages"):
                heard.touch()
    assert process.returncode == 0
    assert all(lines)
    steps = [(int(line[1]), line[2]) for line in lines if line and "packages" in line[2]]
    (first, progress), *_, (last, done) = steps
    assert re.fullmatch(r"packages of requirements\.txt: (\d+ MB written; )?.+", progress)
    assert done == "packages of requirements.txt"
    assert 1 <= first <= last
