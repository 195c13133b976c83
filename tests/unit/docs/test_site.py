"""The site is built without a warning, lacks no page, and asks nobody else for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
GROUPS = ["Home", "Use", "Understand", "Operate", "Extend", "Decide"]
# What a browser fetches by itself.
FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """What a page fetches, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        held = dict(attributes)
        if tag in FETCHED and held.get(FETCHED[tag]):
            self.fetched.append(str(held[FETCHED[tag]]))
        if tag == "link" and held.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(str(held["href"]))
        if tag == "a" and held.get("href"):
            self.links.append(str(held["href"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.mark.parametrize(
    ("page", "is_well"),
    [("# A page", True), ("[gone](gone.md)", False), ("[part](#gone)", False)],
)
def test_the_command_of_the_checks_refuses_a_broken_link(
    tmp_path: Path, page: str, is_well: bool
) -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    kept = {name: settings[name] for name in ("site_name", "strict", "validation")}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(kept))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(page)
    make = ["make", "--dry-run", "--silent", "docs"]
    lines = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (command,) = [line for line in lines.splitlines() if "mkdocs" in line]
    command = command.replace(".venv/bin/mkdocs", f"{sys.executable} -m mkdocs")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) == is_well, done.stderr


def test_every_page_of_the_docs_is_in_the_site(site: Path) -> None:
    pages = {
        page.relative_to(ROOT / "docs").with_suffix(".html")
        for page in (ROOT / "docs").rglob("*.md")
    }
    pages = {page.with_name("index.html") if page.stem == "README" else page for page in pages}
    root = {
        Path("index.html"),
        *(Path(f"{name}.html") for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")),
    }
    assert len(pages) > 30
    assert [page for page in sorted(pages | root) if not (site / page).is_file()] == []


def test_the_pages_are_grouped(site: Path) -> None:
    home = (site / "index.html").read_text("utf-8")
    (tabs,) = re.findall(r'<nav class="md-tabs".*?</nav>', home, re.DOTALL)
    assert re.findall(r'class="md-tabs__link">\s*(\w+)', tabs) == GROUPS


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = [(file, Page(file.read_text("utf-8"))) for file in site.rglob("*.html")]
    assert sum(len(page.fetched) for _, page in pages) > 100
    for file, page in pages:
        assert [url for url in page.fetched if re.match(r"(?:\w+:)?//", url)] == [], file.name
    for style in site.rglob("*.css"):
        urls = re.findall(r"url\(([^)]*)\)", style.read_text("utf-8"))
        assert [url for url in urls if re.match(r"[\"']?(?:https?:)?//", url)] == [], style.name


def test_the_pages_of_the_root_lead_into_the_site(site: Path) -> None:
    for name in ("index", "CONTRIBUTING", "SECURITY"):
        links = Page((site / f"{name}.html").read_text("utf-8")).links
        own = [link.partition("#")[0] for link in links if not re.match(r"\w+:|#", link)]
        assert len(own) > 10
        assert [link for link in own if link and not (site / link).exists()] == []


def test_a_page_of_the_reference_shows_docstrings(site: Path) -> None:
    text = (site / "reference.html").read_text("utf-8")
    assert "Fetches daily bars; volume in shares and amount in CNY" in text
    assert ":::" not in text
    assert (site / "diagrams" / "architecture.svg").is_file()
