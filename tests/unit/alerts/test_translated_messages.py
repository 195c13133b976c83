"""Every text of a message has its Chinese, with the same names in it, and none has no use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from factorprism.alerts import KINDS, Wording, messages
from factorprism.alerts.catalogue import OTHER
from factorprism.core.config import LANGUAGES
from factorprism.core.translations import load_translations


def list_texts() -> Iterator[str]:
    for kind in (*KINDS, OTHER):
        yield from filter(None, (kind.title, kind.end, kind.advice))
    with Path(messages.__file__).open("rb") as file:
        for _, found, *_ in extract("python", file, {"gettext": None}):
            yield str(found)


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    (path,) = (messages.TRANSLATIONS / "zh/LC_MESSAGES").glob("*.po")
    with path.open("rb") as file:
        return {str(held.id): str(held.string) for held in read_po(file, "zh") if held.id}


def test_every_text_is_translated_and_every_translation_is_of_a_text(
    chinese: dict[str, str],
) -> None:
    texts = set(list_texts())
    assert all(text.isascii() for text in texts)
    assert texts == set(chinese)


def test_a_translation_is_chinese_and_has_the_same_names(chinese: dict[str, str]) -> None:
    for english, text in chinese.items():
        assert re.search("[\u4e00-\u9fff]", text), english
        assert re.findall(r"{\w*}", english) == re.findall(r"{\w*}", text), english


def test_a_message_is_said_in_each_language(chinese: dict[str, str]) -> None:
    for english, text in chinese.items():
        said = {language: Wording(language).gettext(english) for language in LANGUAGES}
        assert said == {"en": english, "zh": text}


def test_a_language_without_a_catalogue_has_the_messages_of_the_code(tmp_path: Path) -> None:
    assert load_translations(tmp_path, "zh").ugettext("Session") == "Session"
