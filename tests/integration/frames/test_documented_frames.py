"""docs/python.md: every frame has the columns and types that its table says, in that order."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import factorprism as fp
from factorprism.factors import CATALOGUE
from factorprism.warehouse import list_values

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "python.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\([^\n]*\)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
ROW = re.compile(r"^\| (`[^|]+|\*[a-z]+\*) \| ([^|]*) \|", re.M)
DIRECTION, VOLATILITY = list_values("direction"), list_values("volatility")
MANY = {"*values*": DIRECTION, "*factors*": tuple(factor.name for factor in CATALOGUE)}


def read_table(name: str, **many: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return names and types of the section `name`, a name in italics that stands for several."""
    found = []
    for cell, kind in ROW.findall(SECTIONS[name]):
        names = (MANY | many).get(cell) or re.findall(r"`([^`]+)`", cell)
        found += [(one, kind.strip()) for one in names]
    return found


def describe(frame: pd.DataFrame) -> list[tuple[str, str]]:
    levels = [frame.index.get_level_values(place).dtype for place in range(frame.index.nlevels)]
    index = [(name, f"{kind}, index") for name, kind in zip(frame.index.names, levels, strict=True)]
    return index + [(str(name), str(kind)) for name, kind in frame.dtypes.items()]


def public_methods() -> set[str]:
    methods = inspect.getmembers(fp.Connection, inspect.isfunction)
    return {name for name, _ in methods if not name.startswith("_")} - {"close"}


def test_every_method_has_a_section_and_the_arguments_that_it_takes() -> None:
    assert set(SECTIONS) == public_methods()
    for name in SECTIONS:
        heading = re.search(rf"^## {name}\(([^\n]*)\)$", PAGE, re.M)
        assert heading is not None
        said = re.findall(r"\w+(?==|,|$)", re.sub(r"=\w+", "", heading[1]))
        taken = list(inspect.signature(getattr(fp.Connection, name)).parameters)[1:]
        assert said == taken, name


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"image", "walk_forward"}))
def test_a_frame_is_as_its_table_says(prism: fp.Connection, name: str) -> None:
    frame = getattr(prism, name)()
    assert len(frame)
    assert describe(frame) == read_table(name)


@pytest.mark.parametrize("name", ["forecasts", "outcomes"])
def test_another_target_has_its_own_values_and_the_rest_alike(
    prism: fp.Connection, name: str
) -> None:
    table = read_table(name, **{"*values*": VOLATILITY})
    assert describe(getattr(prism, name)("calm")) == table


@pytest.mark.parametrize("name", ["forecasts", "outcomes", "bars", "factors"])
def test_a_frame_without_rows_has_the_same_columns(prism: fp.Connection, name: str) -> None:
    frame = getattr(prism, name)(end="1990-01-01")
    assert not len(frame)
    assert describe(frame) == read_table(name)


def test_walk_forward_has_the_index_and_columns_by_their_sides(prism: fp.Connection) -> None:
    index, columns = read_table("walk_forward", **{"*columns*": ("*",)})[:2], set()
    frame = prism.walk_forward()
    assert describe(frame)[:2] == index
    for name, kind in describe(frame)[2:]:
        columns.add(name.partition(".")[0])
        assert kind == "float64"
    assert columns == {"outcome", "value", "base"}


def test_the_table_of_the_image_names_its_attributes(prism: fp.Connection) -> None:
    table: list[Any] = re.findall(r"^\| (`[^|]+) \|", SECTIONS["image"], re.M)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(vars(prism.image()))


def test_the_values_that_the_page_names_are_those_of_the_targets() -> None:
    said = SECTIONS["forecasts"].split("The *values* of")[1]
    assert re.findall(r"`(\w+)`", said) == ["direction", *DIRECTION, "volatility", *VOLATILITY]
