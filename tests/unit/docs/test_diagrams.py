"""The diagrams of docs/diagrams say what the code says, and each picture belongs to its source."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from factorprism.warehouse.diagram import NAMED, render_diagram
from factorprism.warehouse.tables import metadata
from unit.docs.steps import BESIDE, STEPS

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "diagrams"
SOURCES = sorted(FOLDER.glob("*.mmd"))
TABLES = {table.name: table for table in metadata.sorted_tables}
EVENING = (FOLDER / "evening.mmd").read_text("utf-8")


@pytest.fixture(scope="module")
def draw() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_diagrams", FOLDER / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_folder_has_the_three_diagrams() -> None:
    assert {"architecture", "evening", "warehouse"} <= {source.stem for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_was_drawn_from_the_source_beside_it(source: Path, draw: ModuleType) -> None:
    picture = source.with_suffix(".svg").read_text("utf-8")
    assert draw.hash_source(source) in picture.splitlines()[0], "draw it anew: make diagrams"
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert not re.findall(r'(?:href|src)="(?!#)[^"]+"|url\((?!#)[^)]*\)', picture)


def test_the_architecture_is_the_one_of_the_import_contracts(draw: ModuleType) -> None:
    assert (FOLDER / "architecture.mmd").read_text("utf-8") == draw.render_architecture()


def test_every_room_of_the_package_stands_in_the_architecture(draw: ModuleType) -> None:
    rooms = {room for row in draw.read_layers(draw.read_contracts()) for room in row}
    package = ROOT / "include" / "factorprism"
    assert rooms == {file.parent.name for file in package.glob("*/__init__.py")}


def test_a_third_party_stands_in_the_rooms_that_may_import_it(draw: ModuleType) -> None:
    text = draw.render_architecture()
    assert "**sources**<br/>tushare`" in text
    assert "**warehouse**<br/>psycopg2<br/>sqlalchemy`" in text
    assert "**core**`" in text


def test_the_evening_has_the_steps_of_the_daily_pipeline_in_their_order() -> None:
    steps = re.findall(r"^ +A->>S: (\w+)$", EVENING, re.MULTILINE)
    assert tuple(steps) == (*STEPS["daily"], *BESIDE)


def test_the_evening_names_tables_that_exist() -> None:
    messages = re.findall(r"(?:S->>W|W-->>S): (.+)$", EVENING, re.MULTILINE)
    firsts = {re.split(r"\W", words)[0] for words in messages}
    named = {word for words in messages for word in re.findall(r"\b\w+_\w+\b", words)}
    assert firsts | named <= set(TABLES)


def test_the_committed_tables_are_the_generated_ones() -> None:
    assert (FOLDER / "warehouse.mmd").read_text("utf-8") == render_diagram()


def test_every_table_with_its_whole_key_stands_in_the_diagram() -> None:
    text = render_diagram()
    for table in TABLES.values():
        (columns,) = re.findall(rf"^    {table.name} {{\n(.*?)^    }}", text, re.M | re.S)
        keys = re.findall(r"^ +\w+ (\w+) PK", columns, re.MULTILINE)
        assert keys == [column.name for column in table.columns if column.primary_key]


def test_every_foreign_key_is_a_solid_line_and_a_name_alone_a_dashed_one() -> None:
    solid = set(re.findall(r"^ +(\w+) \|\|--o\{ (\w+) :", render_diagram(), re.MULTILINE))
    assert solid == {
        (key.column.table.name, table.name)
        for table in TABLES.values()
        for key in table.foreign_keys
    }
    dashed = set(re.findall(r"^ +(\w+) \|\|\.\.o\{ (\w+) :", render_diagram(), re.MULTILINE))
    assert dashed == {(parent, child) for child, _, parent in NAMED}


def test_no_name_is_given_for_what_is_a_foreign_key() -> None:
    for child, columns, parent in NAMED:
        declared = {key.parent.name for key in TABLES[child].foreign_keys}
        assert not declared & set(columns), child
        assert set(columns) <= set(TABLES[child].c.keys()), child
        assert parent in TABLES
