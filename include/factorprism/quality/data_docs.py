"""Renders the gate's results as static pages that need no network: an index, and a page a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path

import jinja2
import markupsafe

from factorprism.core.files import write_atomic
from factorprism.market.findings import QualityResult
from factorprism.quality._pages import present_run, summarise_run

RUNS_FOLDER = "runs"


def render_data_docs(results_by_run: Mapping[str, Sequence[QualityResult]], folder: Path) -> Path:
    """Write a page for each run and the index of all runs in `folder`; return the index.

    Pages of earlier calls stay and are listed, newest session first; the same run key replaces its
    page. Each file is written aside and renamed, so a reader never meets half a page. The pages
    hold all they need, so they can be opened from disk, and carry no clock: equal results give
    equal bytes.
    """
    runs_folder = folder / RUNS_FOLDER
    runs_folder.mkdir(parents=True, exist_ok=True)
    templates = _load_templates()
    for run_key, results in results_by_run.items():
        stem = _stem(run_key)
        summary = {**summarise_run(run_key, results), "page": f"{stem}.html"}
        page = templates.get_template("run.html.j2").render(run=summary, **present_run(results))
        write_atomic(runs_folder / f"{stem}.html", page)
        write_atomic(
            runs_folder / f"{stem}.json", json.dumps(summary, ensure_ascii=False, indent=1)
        )
    index = folder / "index.html"
    known = None
    # Another process may have added a run meanwhile; the last writer lists them all.
    while known != (known := sorted(runs_folder.glob("*.json"))):
        runs = [json.loads(path.read_text("utf-8")) for path in known]
        runs.sort(key=lambda run: (run["last"], run["run_key"]), reverse=True)
        write_atomic(index, templates.get_template("index.html.j2").render(runs=runs))
    return index


def _load_templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("factorprism.quality"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files("factorprism.quality").joinpath("templates/style.css")
    # Our own file, not data: escaping would break its quotes.
    environment.globals["style"] = markupsafe.Markup(style.read_text("utf-8"))
    return environment


def _stem(run_key: str) -> str:
    """Return a file name for `run_key`: readable, and different for every key."""
    readable = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in run_key)
    return f"{readable[:80].strip('-')}-{sha256(run_key.encode()).hexdigest()[:8]}"
