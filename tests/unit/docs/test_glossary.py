"""The glossary's words are those of the translations, and none of the words that went is left."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

# A word: not within another one, where an underscore parts words too.
WORD = r"(?<![A-Za-z])(?:{})(?![A-Za-z])"
# Words that went, for the field's own (docs/glossary.md), anywhere in text and code.
GONE = {
    "ensemble members": "witness|witnesses",
    "empirical hit rate, calibrated": "belief|beliefs|believe|believes|believed",
    "model status": "standing",
    "flat window": "stillness",
    "feature groups": "players",
    "checks": r"look_(?:at|key|for|again)\w*|(?:two|each|every|last|next|other) looks?(?! at|-)",
    "notified, pending, reported": "told|untold",
    "champion": r"(?:take|takes|took|hold|holds|held|got|gives|keeps|on) the title|hold_title"
    "|title_lock|depose|deposes|deposed|find_holder|list_holders",
    "adjusted for multiple testing": r"paid for(?! it)|paying for|pay_for|paid_lower|paid_upper",
    "out of sample, evaluated, checked": "judge|judges|judged|judging|judgement|judgements",
    "training rows": "learned rows|learned sessions",
    "nearest neighbours": "precedent|precedents",
    "attribution, due": "owe|owed|owes",
    "context": "refs",
    "backtest": "earn|earns|earned",
    "exceedance": "miscalibration_excess",
    "fixed": "mend|mends|mended|mending",
    "plain language": "plain words",
}
# Names of variables, attributes and arguments of the package and the plugins that went.
GONE_NAMES = {
    "path, index": {"place", "places"},
    "half-width, scope": {"reach"},
    "exceedance": {"excess"},
}
# Where an old word may stand, and why.
ALLOWED = {
    "CHANGELOG.md": "it says what things were called at the time",
    "docs/decisions/0026-*": "the page on the words",
    "tests/unit/docs/test_glossary.py": "this list",
    "tests/integration/warehouse/*": "older schemas are asked by the names that they have",
    "include/factorprism/warehouse/migrations/versions/*": "a released step never changes",
    "include/factorprism/core/config.py::WITNESS": "a refused setting",
    "include/factorprism/learning/settings.py::witness": "models of earlier releases",
    "include/factorprism/models/bundle.py::witness": "bundles of earlier releases",
    "tests/unit/models/test_members.py::witness": "bundles of earlier releases",
    'include/factorprism/selection/contest/_folds.py::"judged"': "folds held were hashed with it",
}
OURS = ("include/", "plugins/", "dags/", "benchmarks/")
SUFFIXES = {
    *(".py", ".md", ".j2", ".po", ".js", ".css"),
    *(".yml", ".yaml", ".toml", ".json", ".sh", ".env"),
}


@pytest.fixture(scope="module")
def texts(repository_root: Path) -> dict[str, str]:
    """Every text file that is ours, by its path; the Chinese of the translations left out."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=repository_root, capture_output=True, text=True, check=True
    ).stdout.split()
    return {
        name: (repository_root / name).read_text("utf-8")
        for name in listed
        if Path(name).suffix in SUFFIXES
        and "/vendor/" not in name
        and "/dumps/" not in name
        and (repository_root / name).is_file()
    }


def is_allowed(name: str, line: str) -> bool:
    for allowed in ALLOWED:
        pattern, _, word = allowed.partition("::")
        if fnmatch(name, pattern) and word.lower() in line.lower():
            return True
    return False


@pytest.mark.parametrize("instead", GONE)
def test_none_of_the_words_that_went_is_left(texts: dict[str, str], instead: str) -> None:
    pattern = re.compile(WORD.format(GONE[instead]), re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line) and not is_allowed(name, line)
    ]
    assert found == [], f"write {instead} instead"


def list_names(source: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_no_name_of_the_code_is_a_word_that_went(texts: dict[str, str]) -> None:
    gone = set().union(*GONE_NAMES.values())
    found = {
        name: sorted(list_names(text) & gone)
        for name, text in texts.items()
        if name.startswith(OURS) and name.endswith(".py")
    }
    assert {name: names for name, names in found.items() if names} == {}


def test_one_name_names_one_class(texts: dict[str, str]) -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        if name.startswith(OURS) and name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef):
                    defined[node.name].append(name)
    assert len(defined) > 300
    assert {name: files for name, files in defined.items() if len(files) > 1} == {}


def test_every_exception_is_needed(texts: dict[str, str]) -> None:
    words = re.compile(WORD.format("|".join(GONE.values())), re.IGNORECASE)
    for allowed in ALLOWED:
        pattern, _, word = allowed.partition("::")
        lines = [
            line
            for name, text in texts.items()
            if fnmatch(name, pattern)
            for line in text.splitlines()
            if word.lower() in line.lower() and words.search(line)
        ]
        assert lines, allowed


@pytest.fixture(scope="module")
def glossary(texts: dict[str, str]) -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", texts["docs/glossary.md"], re.M)
    return {term: tuple(chinese.split("、")) for term, chinese, _ in rows[1:]}


def test_every_term_stands_once_in_order_with_its_chinese_and_meaning(
    texts: dict[str, str], glossary: dict[str, tuple[str, ...]]
) -> None:
    lines = [line for line in texts["docs/glossary.md"].splitlines() if line.startswith("| ")]
    assert len(lines) == len(glossary) + 1
    assert len(glossary) > 60
    assert all(re.search(r"[\u4e00-\u9fff]", word) for words in glossary.values() for word in words)


def list_translations(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh"):
                ids = (message.id,) if isinstance(message.id, str) else message.id
                text = message.string if isinstance(message.string, str) else message.string[0]
                yield from ((one, text) for one in ids if one)


def terms_of(message: str, glossary: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the terms in `message`, a term within a longer one not counted by itself."""
    bare = re.sub(r"%\(\w+\)s", " ", message)
    for term in sorted(glossary, key=len, reverse=True):
        words = re.escape(term).replace("\\ ", "[ -]")
        pattern = rf"(?<![\w-]){words}s?(?![\w-])"
        bare, n_found = re.subn(pattern, " ", bare, flags=re.IGNORECASE)
        if n_found:
            yield term


def test_the_translations_use_the_glossary(
    repository_root: Path, glossary: dict[str, tuple[str, ...]]
) -> None:
    found, used = [], Counter[str]()
    for english, chinese in list_translations(repository_root / "plugins"):
        for term in terms_of(english, glossary):
            used[term] += 1
            if not any(word in chinese for word in glossary[term]):
                found.append((term, english, chinese))
    assert found == []
    assert len(used) > 30
