"""The contest's report as Markdown: for the terminal, and as a page beside its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from factorprism.core.contest import ContestReport
from factorprism.core.files import write_atomic
from factorprism.reports.contest_tables import (
    Row,
    describe_scope,
    describe_size,
    is_tabulated,
    tabulate_report,
)


def write_contest(report: ContestReport, pictures: Sequence[Path], path: Path) -> Path:
    """Write the page of `report` to `path` and return it; `pictures` lie in the same folder."""
    shown = "".join(f"\n![{picture.stem}]({picture.name})\n" for picture in pictures)
    write_atomic(path, render_contest(report) + shown)
    return path


def render_contest(report: ContestReport) -> str:
    """Return the report as Markdown, the sentence on skill first, and all its tables if held."""
    content: Mapping[str, Any] = report.content
    parts = [f"# Contest of {report.signal} as of {report.as_of}", report.sentence]
    if not is_tabulated(report):
        return "\n\n".join(parts) + "\n"
    parts += [*content["leaks"], describe_scope(report), describe_size(report)]
    for section in tabulate_report(report):
        parts += [f"## {section.heading}", section.note]
        for table in section.tables:
            caption = f"### {table.caption}" if table.caption else ""
            parts += [caption, _table(table.columns, table.rows), table.after]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(heading: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table whose columns line up."""
    widths = [max(len(row[index]) for row in (heading, *rows)) for index in range(len(heading))]

    def join(cells: Row) -> str:
        return f"| {' | '.join(c.ljust(w) for c, w in zip(cells, widths, strict=True))} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([join(heading), rule, *map(join, rows)])
