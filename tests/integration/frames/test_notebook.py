"""docs/notebook.ipynb: it runs, it shows what it says, and it is kept with its outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from factorprism import Connection

NOTEBOOK = Path(__file__).parents[3] / "docs" / "notebook.ipynb"
BYTES_MAX = 300_000
# Places on the machine that it was executed on, and addresses of servers.
MACHINE = re.compile(
    r"/(?:root|home|tmp|usr|opt|work|Users|private)/|127\.0\.0\.1|localhost|:\d{5}"
)


@pytest.fixture(scope="module")
def kept() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of(cell: Any) -> list[list[str]]:
    """Return of each output which forms it has, such as ``text/html``, or ``stdout``."""
    return [sorted(output.get("data", {})) or [output.get("name", "")] for output in cell.outputs]


def test_it_runs_as_the_reader_and_shows_what_is_kept(
    kept: Any, world: Any, reader_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FACTORPRISM_HOME", str(world.home))
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", reader_url)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    fresh = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(fresh, timeout=300, kernel_name="python3", resources=place).execute()
    for now, then in zip(code_cells(fresh), code_cells(kept), strict=True):
        assert kinds_of(now) == kinds_of(then), now.source


def test_it_is_kept_executed_from_top_to_bottom(kept: Any) -> None:
    cells = code_cells(kept)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert cell.outputs, f"no output is kept of: {cell.source}"
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert not any(output.get("name") == "stderr" for output in cell.outputs)


def test_it_asks_every_question(kept: Any) -> None:
    asked = set(re.findall(r"\bprism\.(\w+)\(", "\n".join(c.source for c in code_cells(kept))))
    assert asked == {name for name in vars(Connection) if not name.startswith("_")}


def test_it_is_small_and_names_no_machine(kept: Any) -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < BYTES_MAX
    pictures = re.sub(r'"image/png": "[^"]*"', "", text)
    assert not MACHINE.findall(pictures)
