"""`import factorprism` costs nothing, and gives what it says on demand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import factorprism as fp
from factorprism import frames
from factorprism.core import errors

# What may be loaded by the import itself: nothing that is not Python's own.
CHEAP = """
import sys
before = set(sys.modules)
import factorprism as fp
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
assert set(fp.__all__) <= set(dir(fp))
"""


def test_the_import_loads_the_package_alone() -> None:
    done = subprocess.run([sys.executable, "-c", CHEAP], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['factorprism']"


def test_the_names_are_those_of_the_rooms() -> None:
    assert fp.connect is frames.connect
    assert fp.Connection is frames.Connection
    assert fp.Image is frames.Image
    assert fp.ConfigurationError is errors.ConfigurationError
    assert fp.FactorPrismError is errors.FactorPrismError


def test_each_name_is_there_and_no_other() -> None:
    for name in fp.__all__:
        assert getattr(fp, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        fp.conect  # noqa: B018


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(fp.__file__).parent / "py.typed").is_file()
