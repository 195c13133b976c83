"""CONTRIBUTING.md names what there is, and who follows a recipe of it arrives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unit.docs.scratch import (
    PAGE,
    ROOT,
    Scratch,
    find_place,
    find_recipes,
    find_steps,
    name_places,
)

RECIPES = find_recipes()
STEPS = [(name, step) for name, text in RECIPES.items() for step in find_steps(text)]
# A page in the style of the others, as small as one can be.
ROUTE = '''"""Weather: a page of the test."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.views.weather import read_weather
from prism_ui.pages import show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/weather")
async def open_weather(request: Request, reader: ReaderDep) -> Response:
    """Show the weather."""
    return await show(request, reader, "weather", lambda asked: {"weather": read_weather()})
'''
TEMPLATE = """{% extends "base.html.j2" %}
{% block title %}{{ _("Weather") }}{% endblock %}
{% block main %}<h1>{{ _("The weather is %(word)s.", word=weather) }}</h1>{% endblock %}
"""
CATALOGUE = """msgid ""
msgstr ""
"Language: zh\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Weather"
msgstr "天气"

#, python-format
msgid "The weather is %(word)s."
msgstr "天气：%(word)s。"
"""
SHOWN = """
from prism_ui.app import create_app
from prism_ui.languages import load_languages
from prism_ui.navigation import list_external_views
from prism_ui.rendering import render

assert "prism-weather" in {view["url_route"] for view in list_external_views()}
(route,) = [one for one in create_app().routes if one.path == "/weather"]
assert [one for one in route.dependant.dependencies if one.name == "reader"]
frame = {"page": "weather", "link": lambda page, **_: page, "may_act": False, "weather": "fair"}
print(render("weather.html.j2", load_languages()["zh"], frame))
"""
NETWORK = '''"""One dense layer, as small as a network can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import NetworkConfig, classify
from factorprism.models.backend import load_keras


@dataclass(frozen=True)
class PlainConfig(NetworkConfig):
    """Units of the layer."""

    units: int = 32
    dropout: float = 0.0
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_positive("units", "n_outputs")
        self.check_shares("dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member for tests."""
        return replace(cls(16), **overrides)


def build_plain(input_shape: tuple[int, int, int], config: PlainConfig) -> Any:
    """Return a `keras.Model` from images to outputs [n, n_outputs]."""
    keras = load_keras()
    image = keras.layers.Input(input_shape, name="image")
    x = keras.layers.Flatten(name="flat")(image)
    x = keras.layers.Dense(config.units, activation="relu", name="dense")(x)
    return keras.Model(image, classify(x, config), name="plain")
'''


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


def test_there_are_six_recipes() -> None:
    names = ["factor", "network", "target", "source", "page", "alert"]
    assert [heading.split()[-1] for heading in RECIPES] == names
    assert all(len(find_steps(text)) >= 3 for text in RECIPES.values())


@pytest.mark.parametrize(("recipe", "step"), STEPS)
def test_a_step_names_a_file_that_is_there_or_its_folder(recipe: str, step: str) -> None:
    place = ROOT / find_place(step)
    new = "NAME" in place.name
    assert place.parent.is_dir() if new else place.exists(), recipe
    for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+)`", step):
        assert "NAME" in path or (ROOT / path).exists(), path


@pytest.mark.parametrize(("recipe", "step"), STEPS)
def test_a_step_names_what_stands_in_its_files(recipe: str, step: str) -> None:
    places = [ROOT / path for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+)`", step)]
    files = [file for place in places for file in ([place] if place.is_file() else place.glob("*"))]
    # What a new file is to hold stands in the files beside it.
    files += [file for place in places if not place.exists() for file in place.parent.glob("*.*")]
    text = "".join(f"{file.name}\n{file.read_text('utf-8')}" for file in files if file.is_file())
    names = re.findall(r"`([A-Za-z_][\w.]*)`", step)
    wanted = [name for name in names if not {"NAME", "NAME_tiny"} & {name}]
    assert [name for name in wanted if name.removeprefix("run.") not in text] == [], recipe


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b", PAGE))))
def test_a_target_of_make_that_is_named_is_there(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_tests_that_are_named_are_there() -> None:
    named = re.findall(r'TESTS=(?:"([^"]+)"|(\S+?)[`,.])', PAGE)
    paths = [path for pair in named for path in "".join(pair).split()]
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_modules_that_are_run_are_there() -> None:
    modules = re.findall(r"python -m ([\w.]+)", PAGE)
    assert modules
    for module in modules:
        assert (ROOT / "include" / (module.replace(".", "/") + ".py")).is_file(), module


@pytest.mark.slow
def test_a_factor_is_added_by_its_recipe(scratch: Scratch) -> None:
    tests = "tests/unit/factors"
    scratch.replace(
        "include/factorprism/factors/catalogue.py",
        (
            "CATALOGUE: tuple[Factor, ...] = (\n",
            "CATALOGUE: tuple[Factor, ...] = (\n"
            '    Factor(name="roc_5", group="momentum", kernel=talib.ROC, inputs=CLOSE,\n'
            '           parameters={"timeperiod": 5}, lookback=5, lower=-100.0, upper=inf,\n'
            '           unit="per cent", source="as roc_12"),\n',
        ),
    )
    scratch.replace(
        f"{tests}/answers/make_answers.py",
        (
            "\n\nFORMULAS = (\n",
            "\n\ndef roc_5(bars: Bars) -> Series:\n"
            '    close = bars["close"]\n'
            "    return over(5, len(close), lambda t: 100 * (close[t] / close[t - 5] - 1))\n"
            "\n\nFORMULAS = (\n    roc_5,\n",
        ),
    )
    scratch.run("make_answers.py", folder=f"{tests}/answers")
    scratch.touched.append(f"{tests}/answers/roc_5.csv")
    scratch.replace(
        f"{tests}/test_factors_catalogue.py",
        ("STILL_VALUES = {\n", 'STILL_VALUES = {\n    "roc_5": 0.0,\n'),
    )
    table = scratch.run("-m", "factorprism.factors.table")
    page = (scratch.folder / "docs/factors.md").read_text("utf-8")
    (held,) = re.findall(r"^\| factor \|.*?\n(?=\n)", page, re.MULTILINE | re.DOTALL)
    scratch.replace("docs/factors.md", (held, table), ("missing 318 of", "missing 323 of"))
    assert scratch.touched == name_places("A factor", "roc_5")
    assert "passed" in scratch.test(tests, "-k", "roc_5 or document or group")


@pytest.mark.slow
def test_a_network_is_added_by_its_recipe(scratch: Scratch) -> None:
    room = "include/factorprism/models"
    imported = "from factorprism.models.plain import PlainConfig, build_plain\n"
    last = "from factorprism.models.resnet import ResnetConfig, build_resnet\n"
    scratch.write(f"{room}/plain.py", NETWORK)
    scratch.replace(
        f"{room}/zoo.py",
        (last, imported + last),
        (
            "_NETWORKS = {\n",
            '_NETWORKS = {\n    "plain": Architecture(PlainConfig, build_plain),\n'
            '    "plain_tiny": Architecture(PlainConfig.tiny, build_plain),\n',
        ),
    )
    scratch.replace(
        f"{room}/__init__.py",
        (last, imported + last),
        ("__all__ = [\n", '__all__ = [\n    "PlainConfig",\n    "build_plain",\n'),
    )
    scratch.replace(
        "tests/unit/models/test_parameter_counts.py",
        (
            '@pytest.mark.parametrize("normalisation"',
            "def test_plain_has_its_parameters() -> None:\n"
            '    assert count_trainable(build_network("plain", (4, 2, 1))) == 8 * 32 + 32 + 33\n'
            '\n\n@pytest.mark.parametrize("normalisation"',
        ),
    )
    assert scratch.touched == name_places("A network", "plain")
    assert "passed" in scratch.test("tests/unit/models", "-k", "plain")


def test_a_target_is_added_by_its_recipe_up_to_the_database(scratch: Scratch) -> None:
    room, warehouse = "include/factorprism/targets", "include/factorprism/warehouse"
    scratch.write(
        f"{room}/rise.py",
        '"""A rise, which is a direction by another name."""\n\n'
        "from factorprism.targets.direction import Direction\n\n\n"
        'class Rise(Direction):\n    """A direction."""\n\n    name = "rise"\n\n\nRISE = Rise()\n',
    )
    scratch.replace(
        f"{room}/__init__.py",
        (
            "from factorprism.targets.target import",
            "from factorprism.targets.rise import RISE\nfrom factorprism.targets.target import",
        ),
        ("(DIRECTION, VOLATILITY)", "(DIRECTION, VOLATILITY, RISE)"),
    )
    scratch.replace(
        f"{warehouse}/forecasts.py",
        (
            "outcomes: Table = Table(",
            'rise_forecasts: Table = value_table("rise", "Append-only: rises.",\n'
            '    column("p_up", DOUBLE, "Probability."), column("p_up_raw", DOUBLE, "Raw."),\n'
            '    column("base_rate", DOUBLE, "Share."), ratio("p_up"))\n\n'
            "outcomes: Table = Table(",
        ),
    )
    scratch.replace(
        f"{warehouse}/views.py",
        ("    outcomes,\n", "    outcomes,\n    rise_forecasts,\n"),
        (
            "VIEWS = (\n",
            'VIEWS = (\n    _record(rise_forecasts, "rise", {"went_up": "Whether it rose."}),\n',
        ),
    )
    scratch.replace(
        f"{warehouse}/tables.py",
        ("    outcomes,\n", "    outcomes,\n    rise_forecasts,\n"),
        ('    "set_aside",\n', '    "rise_forecasts",\n    "set_aside",\n'),
    )
    scratch.run(
        "-c",
        "from factorprism.targets import find_target\n"
        "from factorprism.warehouse.db.base import find_value_table, value_names\n"
        "table = find_value_table('rise')\n"
        "assert value_names(table) == find_target('rise').values\n"
        "from factorprism.warehouse.db.roles import list_changes\n"
        "assert list_changes(table) == ['INSERT']\n",
    )
    assert "## rise_record (view)" in scratch.run("-m", "factorprism.warehouse.dictionary")
    assert "forecasts ||--o{ rise_forecasts" in scratch.run("-m", "factorprism.warehouse.diagram")
    assert set(scratch.touched) < set(name_places("A target", "rise"))


@pytest.mark.slow
def test_a_source_is_added_by_its_recipe(scratch: Scratch) -> None:
    room, core = "include/factorprism/sources", "include/factorprism/core"
    imported = "from factorprism.sources.shelf import ShelfSource\n"
    sample = "from factorprism.sources.sample import SampleSource\n"
    scratch.write(
        f"{room}/shelf.py",
        '"""A folder of files by another name."""\n\n'
        "from factorprism.sources.files import FilesSource\n\n\n"
        'class ShelfSource(FilesSource):\n    """A folder."""\n\n    name = "shelf"\n',
    )
    scratch.replace(
        f"{room}/__init__.py",
        (sample, sample + imported),
        ('    "SampleSource",\n', '    "SampleSource",\n    "ShelfSource",\n'),
    )
    scratch.replace(
        f"{core}/config.py",
        ('Literal["sample", "files"', 'Literal["sample", "shelf", "files"'),
        ('"files": "image4",', '"files": "image4", "shelf": "hs300",'),
    )
    scratch.replace(
        f"{room}/_build.py",
        (sample, sample + imported),
        (
            "    return TushareSource(",
            '    if config.source == "shelf":\n'
            "        return ShelfSource(config.home, now=now, calendar_of=config.calendar_of)\n"
            "    return TushareSource(",
        ),
    )
    scratch.replace(
        "tests/contract/sources/conftest.py",
        ('params=["sample", ', 'params=["shelf", "sample", '),
        ("import FilesSource, SampleSource,", "import FilesSource, SampleSource, ShelfSource,"),
        (
            '    if request.param == "tushare":',
            '    if request.param == "shelf":\n'
            "        return Subject(lambda now: ShelfSource(folder, now=lambda: now), truth)\n"
            '    if request.param == "tushare":',
        ),
    )
    scratch.replace(
        "tests/unit/core/test_config.py",
        ("one of sample, files, tushare", "one of sample, shelf, files, tushare"),
    )
    assert set(scratch.touched) < set(name_places("A source", "shelf"))
    assert "passed" in scratch.test("tests/contract/sources", "-k", "shelf")
    assert "passed" in scratch.test("tests/unit/core/test_config.py")


@pytest.mark.slow
def test_a_page_is_added_by_its_recipe(scratch: Scratch) -> None:
    room = "plugins/prism_ui"
    scratch.write(
        "include/factorprism/views/weather.py",
        '"""The weather."""\n\n\ndef read_weather() -> str:\n    return "fair"\n',
    )
    scratch.write(f"{room}/routes/weather.py", ROUTE)
    scratch.write(f"{room}/templates/weather.html.j2", TEMPLATE)
    scratch.replace(
        f"{room}/navigation.py",
        ("PAGES = (\n", 'PAGES = (\n    PageEntry("weather", "Weather"),\n'),
    )
    scratch.write(f"{room}/translations/zh/LC_MESSAGES/weather.po", CATALOGUE)
    scratch.replace(
        "tests/integration/pages/test_pages_security.py",
        ('PAGES = ("today", ', 'PAGES = ("weather", "today", '),
    )
    assert [*scratch.touched, "docs/pages.md"] == name_places("A page", "weather")
    assert "passed" in scratch.test("tests/unit/pages/test_translations.py", "-k", "translated")
    assert "天气：fair。" in scratch.run("-c", SHOWN)


def test_an_alert_is_added_by_its_recipe(scratch: Scratch) -> None:
    scratch.replace(
        "include/factorprism/alerts/catalogue.py",
        (
            "KINDS = (\n",
            'STORM = AlertKind("storm {signal}", NOW, OPERATORS, "today",\n'
            '    "A storm over {subject}", "It is calm over {subject} again")\n'
            "KINDS = (\n    STORM,\n",
        ),
    )
    scratch.replace(
        "include/factorprism/alerts/translations/zh/LC_MESSAGES/alerts.po",
        (
            'msgid "No forecast for {subject}"\n',
            'msgid "A storm over {subject}"\nmsgstr "{subject} 有风暴"\n\n'
            'msgid "It is calm over {subject} again"\nmsgstr "{subject} 已恢复平静"\n\n'
            'msgid "No forecast for {subject}"\n',
        ),
    )
    scratch.replace(
        "docs/alerts.md",
        (
            "| `disk FOLDER` |",
            "| `storm SIGNAL` | it blows | now | operators | by itself |\n| `disk FOLDER` |",
        ),
    )
    first, chinese, step, last = name_places("An alert", "storm")
    assert scratch.touched == [first, chinese, last]
    assert (scratch.folder / step).is_dir()
    assert "passed" in scratch.test("tests/unit/alerts", "-k", "storm or key or table")
