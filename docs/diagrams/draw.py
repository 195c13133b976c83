"""Draws the diagrams anew: `make diagrams`.

Two sources are generated: `architecture.mmd` from the import contracts in pyproject.toml,
`warehouse.mmd` from the tables. `evening.mmd` is written by hand. Each SVG names the SHA-256 of its
source. Needs npm, which brings Mermaid, and Chromium.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MERMAID = "12.3.0"
PACKAGE = "factorprism."
# Folders of the top layer that lie outside the package, which the contracts do not cover.
AIRFLOW = ("dags", "plugins")


def read_contracts() -> list[dict[str, Any]]:
    """Return the import contracts of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return list(project["tool"]["importlinter"]["contracts"])


def read_layers(contracts: list[dict[str, Any]]) -> list[list[str]]:
    """Return the rooms of each layer, the top one first."""
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    return [[room.strip().removeprefix(PACKAGE) for room in row.split("|")] for row in layers]


def list_third_parties(contracts: list[dict[str, Any]], room: str) -> list[str]:
    """Return the third parties that may be imported in `room`, and not in most of the others."""
    return [
        name
        for one in contracts
        if one["type"] == "forbidden" and one.get("allow_indirect_imports")
        for name in one["forbidden_modules"]
        if PACKAGE + room not in one["source_modules"]
    ]


def render_architecture() -> str:
    """Return the rooms by layer, as Mermaid: an arrow leads to what a layer may import."""
    contracts = read_contracts()
    (top, *rows) = read_layers(contracts)
    # No contract is about the top layer: it may import everything.
    boxes = [[*(render_box(name, ["airflow"]) for name in AIRFLOW), *map(render_box, top)]]
    boxes += [
        [render_box(room, list_third_parties(contracts, room)) for room in row] for row in rows
    ]
    lines = [line for number, row in enumerate(boxes) for line in render_layer(number, row)]
    lines += [f"layer{number} --> layer{number + 1}" for number in range(len(rows))]
    return "\n".join(["flowchart TB", *(f"    {line}" for line in lines), ""])


def render_layer(number: int, boxes: list[str]) -> list[str]:
    return [f'subgraph layer{number}[" "]', *(f"    {box}" for box in boxes), "end"]


def render_box(room: str, third_parties: Sequence[str] = ()) -> str:
    words = "<br/>".join([f"**{room}**", *third_parties])
    return f'{room}["`{words}`"]'


def hash_source(source: Path) -> str:
    """Return the line by which the SVG of `source` names it."""
    return f"source SHA-256: {hashlib.sha256(source.read_bytes()).hexdigest()}"


def render(script: Path, sources: list[Path]) -> None:
    """Draw each source beside itself, by the Mermaid in `script`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=script)
        for source in sources:
            svg = page.evaluate(DRAW, [source.stem, source.read_text("utf-8")])
            source.with_suffix(".svg").write_text(finish(svg, source), "utf-8")
        browser.close()


# Text stays text, so that a picture in a page shows it; the bytes are the same each time.
DRAW = """
async ([name, text]) => {
  const kind = {useMaxWidth: false, htmlLabels: false};
  mermaid.initialize({
    startOnLoad: false, theme: "neutral", look: "classic", fontFamily: "sans-serif",
    htmlLabels: false, deterministicIds: true, handDrawnSeed: 14,
    flowchart: {...kind, wrappingWidth: 240}, er: kind, sequence: kind,
  });
  return (await mermaid.render(name, text)).svg;
}
"""


def finish(svg: str, source: Path) -> str:
    """Return `svg` on white, with numbers of two decimals and the name of its source."""
    body = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", svg)
    head = body.replace("<svg ", '<svg style="background: white" ', 1)
    return f"<!-- {source.name}, {hash_source(source)}, Mermaid {MERMAID} -->\n{head}\n"


def fetch_mermaid(folder: Path) -> Path:
    """Return Mermaid's script, fetched from the npm registry."""
    command = ["npm", "pack", f"mermaid@{MERMAID}", "--silent"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("mermaid-*.tgz")
    with tarfile.open(archive) as packed:
        packed.extract("package/dist/mermaid.min.js", folder, filter="data")
    return folder / "package" / "dist" / "mermaid.min.js"


def main() -> None:
    from factorprism.warehouse.diagram import render_diagram

    (HERE / "architecture.mmd").write_text(render_architecture(), "utf-8")
    (HERE / "warehouse.mmd").write_text(render_diagram(), "utf-8")
    with tempfile.TemporaryDirectory() as folder:
        render(fetch_mermaid(Path(folder)), sorted(HERE.glob("*.mmd")))


if __name__ == "__main__":
    main()
