"""A copy of the repository in which a recipe of CONTRIBUTING.md is followed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
COPIED = ("include", "plugins", "tests", "docs", "deploy")


def find_recipes() -> dict[str, str]:
    """Return the text of each recipe by its heading."""
    (part,) = re.findall(r"^## Six recipes\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    headings, *texts = re.split(r"^### (.+)\n", part, flags=re.MULTILINE)
    assert headings.strip()
    return dict(zip(texts[::2], texts[1::2], strict=True))


def find_steps(recipe: str) -> list[str]:
    """Return the numbered steps of a recipe, in order."""
    return re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\n|\Z)", recipe, re.MULTILINE | re.DOTALL)


def find_place(step: str) -> str:
    """Return the file or folder that a step begins with."""
    match = re.match(r"`([^`]+)`: ", step)
    assert match, step
    return match[1]


class Scratch:
    """The copy: `touched` holds what was changed in it, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: list[str] = []
        for name in COPIED:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", folder)

    def write(self, path: str, text: str) -> None:
        """Write a new file."""
        assert not (self.folder / path).exists(), path
        (self.folder / path).write_text(text, "utf-8")
        self.touched.append(path)

    def replace(self, path: str, *changes: tuple[str, str]) -> None:
        """Replace the first place of each text in `path`, which must be there."""
        text = (self.folder / path).read_text("utf-8")
        for old, new in changes:
            assert old in text, (path, old)
            text = text.replace(old, new, 1)
        (self.folder / path).write_text(text, "utf-8")
        self.touched.append(path)

    def run(self, *command: str, folder: str = "") -> str:
        """Return what Python prints, running on the copy."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder / folder,
            env={**os.environ, **self._environ()},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def test(self, *arguments: str) -> str:
        """Return what pytest prints about the copy's tests, all of which have passed."""
        return self.run(
            "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments
        )

    def _environ(self) -> dict[str, str]:
        path = os.pathsep.join(str(self.folder / name) for name in ("include", "plugins"))
        return {"PYTHONPATH": path, "AIRFLOW_HOME": str(self.folder / "airflow")}


def name_places(recipe: str, name: str) -> list[str]:
    """Return the places of a recipe's steps, for a new thing called `name`."""
    return [find_place(step).replace("NAME", name) for step in find_steps(find_recipes()[recipe])]
