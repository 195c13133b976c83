"""Every sentence of the pages has its Chinese, with the same figures in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from factorprism.targets import TARGETS
from factorprism.views.models import list_figures

FUNCTIONS = ("_", "gettext", "ngettext")
OPTIONS = {"extensions": "jinja2.ext.do"}
# Names that are written alike in both languages.
UNCHANGED = {"AUC", "Brier", "F1", "MAE", "MSE", "RMSE", "R2"}


def list_messages(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the English text of each message."""
    for path in sorted((folder / "templates").glob("*.j2")):
        with path.open("rb") as file:
            for _, _, found, _ in babel_extract(file, FUNCTIONS, (), OPTIONS):
                for text in (found,) if isinstance(found, str) else found or ():
                    if text:
                        yield path.name, text
    for path in sorted(folder.rglob("*.py")):
        with path.open("rb") as file:
            for _, found, *_ in extract("python", file, {"gettext": None}):
                yield path.name, str(found)
    navigation = (folder / "navigation.py").read_text("utf-8")
    yield from (
        ("navigation.py", title) for title in re.findall(r'Entry\("\w+", "(.+)"', navigation)
    )


@pytest.fixture(scope="module")
def pages_folder(repository_root: Path) -> Path:
    return repository_root / "plugins" / "prism_ui"


@pytest.fixture(scope="module")
def chinese(pages_folder: Path) -> dict[str, str]:
    """The Chinese of each message, of a plural by each of its two forms."""
    held: dict[str, str] = {}
    for path in sorted((pages_folder / "translations/zh/LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh"):
                ids = (message.id,) if isinstance(message.id, str) else message.id
                text = message.string if isinstance(message.string, str) else message.string[0]
                for one in ids:
                    held.setdefault(one, text)
    return held


def test_every_message_is_translated(pages_folder: Path, chinese: dict[str, str]) -> None:
    messages = list(list_messages(pages_folder))
    assert len(messages) > 60
    assert [found for found in messages if not chinese.get(found[1])] == []


def test_every_figure_has_a_chinese_name(chinese: dict[str, str]) -> None:
    names = {name for target in TARGETS.values() for name, _ in list_figures(target).values()}
    names |= {section.heading for target in TARGETS.values() for section in target.sections}
    assert len(names) > 15
    assert {name for name in names if name not in chinese} <= UNCHANGED
    assert [name for name in names if "%" in name] == []  # Jinja formats every message


def test_the_columns_of_every_placebo_table_are_translated(chinese: dict[str, str]) -> None:
    for target in TARGETS.values():
        nothing = f"{target.order_of_nothing:g}"
        for column in (f"contains {nothing}", f"above {nothing}, adjusted for multiple testing"):
            assert chinese.get(column), (target.name, column)


def test_a_message_stands_in_one_catalogue_and_once(pages_folder: Path) -> None:
    # The catalogues are read as one: of two translations the last file's would win.
    held: Counter[str] = Counter()
    for path in sorted((pages_folder / "translations/zh/LC_MESSAGES").glob("*.po")):
        held.update(re.findall(r'^msgid ((?:".*"\n)+)', path.read_text("utf-8"), re.MULTILINE))
    assert len(held) > 300
    del held['""\n']  # the head of each file
    assert [message for message, n in held.items() if n > 1] == []


def test_the_words_of_every_target_are_translated(chinese: dict[str, str]) -> None:
    for target in TARGETS.values():
        words = target.words
        for word in (
            words.claim,
            words.basis,
            words.score,
            words.loss,
            words.decisive,
            words.reference,
            words.scale,
        ):
            assert chinese.get(word), word


def test_a_translation_has_the_same_figures(chinese: dict[str, str]) -> None:
    for english, text in chinese.items():
        named = re.findall(r"%\(\w+\)s", english)
        assert set(named) == set(re.findall(r"%\(\w+\)s", text)), english


def test_a_per_cent_sign_in_a_template_is_written_twice(
    pages_folder: Path, chinese: dict[str, str]
) -> None:
    # Jinja formats every message, also one without figures, and the names of figures too.
    messages = [*list_messages(pages_folder), *chinese.items()]
    for name, text in messages:
        assert not re.findall(r"(?<!%)(?:%%)*%(?![(%])", text), (name, text)
