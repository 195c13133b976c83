"""Adds the pages of the repository's root to the site.

In the repository, links lead from file to file. On the site, links between the root and docs are
rewritten to where the site has the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_UP = re.compile(rf"\]\(\.\./((?:\.\./)*(?:{'|'.join(map(re.escape, PAGES))}))")


def on_config(config: Any) -> Any:
    """List the decisions by number in their group of the navigation."""
    (group,) = (item["Decide"] for item in config["nav"] if "Decide" in item)
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    group.extend(f"decisions/{page.name}" for page in decisions)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages."""
    for name in PAGES:
        text = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links between the root and docs to where the site has the page."""
    if page.file.src_uri in PAGES:
        return markdown.replace("](docs/decisions/)", "](decisions/README.md)").replace(
            "](docs/", "]("
        )
    return _UP.sub(r"](\1", markdown)
