"""Conducts an experiment, and writes what it found as Markdown, CSV and PNG."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factorprism.core.files import write_atomic
from factorprism.experiments.experiment import (
    Cell,
    Estimate,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    Tell,
)
from factorprism.experiments.history import History


@dataclass(frozen=True)
class Report:
    """A result, the Markdown page on it, the files that were written, and the seconds it took."""

    result: Result
    page: str
    files: tuple[Path, ...]
    seconds: float


def conduct(
    experiment: Experiment,
    history: History,
    folder: Path,
    *,
    quick: bool,
    seed: int,
    threads: int,
    tell: Tell,
) -> Report:
    """Conduct `experiment` at its quick or full size and write its page, tables and pictures.

    The files are ``experiment-<name>[-quick][-<ending>]`` in `folder`: a quick size never writes
    over a full one. The same history, seed and threads give the same tables, but those of times.
    """
    size = experiment.size(quick=quick).with_seed(seed, threads)
    started = time.perf_counter()
    result = experiment.conduct(history, size, tell)
    stem = f"experiment-{experiment.name}{'-quick' if quick else ''}"
    files = [_write_csv(table, folder / _named(stem, table.name, "csv")) for table in result.tables]
    pictures = [
        draw(folder / _named(stem, ending, "png")) for ending, draw in result.figures.items()
    ]
    seconds = time.perf_counter() - started
    page = format_page(experiment, size, history, result, quick=quick, seconds=seconds)
    shown = "".join(f"\n![{picture.stem}]({picture.name})\n" for picture in pictures)
    page_path = folder / f"{stem}.md"
    write_atomic(page_path, page + shown)
    return Report(result, page, (page_path, *files, *pictures), seconds)


def format_page(
    experiment: Experiment,
    size: ExperimentSize,
    history: History,
    result: Result,
    *,
    quick: bool,
    seconds: float,
) -> str:
    """Return the page on `result` as Markdown: the question, the answer, then the tables."""
    settings = size.settings
    lines = [
        f"# Experiment {experiment.name}{', quick size' if quick else ''}",
        "",
        experiment.question,
        "",
        f"**{result.verdict}**",
        "",
    ]
    if quick:
        lines += [
            f"A quick size proves the path, not the question. It is cut down: {size.cut}.",
            "",
        ]
    for table in result.tables:
        lines += [f"## {table.title}", "", format_table(table), ""]
    lines += [f"- {remark}" for remark in result.remarks]
    lines += [
        f"- Universe {history.universe.name} ({', '.join(history.image_set.channels)}), known at "
        f"{history.as_of}; seed {settings.seed}, {settings.threads} threads.",
        "- Brackets hold 95% intervals from a circular block bootstrap over blocks of twice the "
        "horizon; those of gains and of differences hold for all rows at once.",
        f"- {_time_sentence(size, seconds)}",
    ]
    return "\n".join(lines) + "\n"


def format_table(table: ResultTable) -> str:
    """Return `table` as Markdown: figures to four digits, their interval in brackets."""
    columns = list(table.rows[0])
    numeric = [
        all(isinstance(row[name], int | float | Estimate) for row in table.rows) for name in columns
    ]
    lines = [
        f"| {' | '.join(columns)} |",
        f"|{'|'.join('---:' if right else '---' for right in numeric)}|",
    ]
    lines += [f"| {' | '.join(_show(row[name]) for name in columns)} |" for row in table.rows]
    return "\n".join(lines)


def flatten(row: Mapping[str, Cell]) -> dict[str, str]:
    """Return the row as plain columns: an estimate becomes three, its ends named for it."""
    flat = {}
    for name, cell in row.items():
        if isinstance(cell, Estimate):
            flat[name] = _plain(cell.value)
            flat[f"{name} lower"] = _plain(cell.lower)
            flat[f"{name} upper"] = _plain(cell.upper)
        else:
            flat[name] = _plain(cell)
    return flat


def format_seconds(seconds: float) -> str:
    """Return a time for a person: seconds below five minutes, else minutes."""
    return f"{seconds:.0f} s" if seconds < 300.0 else f"{seconds / 60.0:.0f} min"


def _time_sentence(size: ExperimentSize, seconds: float) -> str:
    return (
        f"It took {format_seconds(seconds)}; stated for two idle cores: "
        f"{format_seconds(size.stated_seconds)}."
    )


def _named(stem: str, ending: str, suffix: str) -> str:
    return f"{stem}-{ending}.{suffix}" if ending else f"{stem}.{suffix}"


def _write_csv(table: ResultTable, path: Path) -> Path:
    rows = [flatten(row) for row in table.rows]
    # An undefined figure in one row and none in the next still make one set of columns.
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue())
    return path


def _show(cell: Cell) -> str:
    if isinstance(cell, Estimate):
        if math.isnan(cell.value):
            return "-"
        if cell.lower == cell.value == cell.upper:
            return f"{cell.value:.4g}"
        return f"{cell.value:.4f} [{cell.lower:.4f}, {cell.upper:.4f}]"
    if isinstance(cell, float):
        return "-" if math.isnan(cell) else f"{cell:,.4g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _plain(cell: str | int | float) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.6g}"
    return str(cell)
