"""The contest's report as Markdown, for the terminal and for the page beside its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.contest import ContestReport
from factorprism.core.files import write_atomic
from factorprism.evaluation.backtest import BUY_AND_HOLD, Comparison
from factorprism.figures import (
    IntervalPanel,
    render_backtest,
    render_intervals,
    render_reliability,
)
from factorprism.learning.samples import HeldOut
from factorprism.pipelines._run import Run
from factorprism.pipelines.contest_tables import Row, describe_scope, describe_size, tabulate_report
from factorprism.targets import Target

# Accounts that one picture can tell apart, beside buy-and-hold.
SHOWN_ACCOUNTS = 5


def write_contest(
    run: Run,
    report: ContestReport,
    accounts: Mapping[str, Comparison],
    held_out: HeldOut,
) -> Path:
    """Write the report's page and its pictures below the home folder, and return the page.

    `held_out` is what the configured network has shown on all folds.
    """
    stem = f"{report.signal}-{report.as_of}"
    place = run.config.home / "contests" / f"{stem}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    best = [gain["name"] for gain in _content(report)["trials"]["gains"]]
    pictures = [_draw_gains(report, run.target, place.with_name(f"{stem}-gains.png"))]
    for rule, comparison in list(accounts.items())[:1]:
        path = place.with_name(f"{stem}-accounts.png")
        pictures.append(_draw_accounts(comparison, rule, best, path))
    if run.target.probability:
        reliability = render_reliability(
            held_out,
            run.target.probability,
            run.signal.horizon,
            title=f"Reliability of {run.signal.model}",
            path=place.with_name(f"{stem}-reliability.png"),
        )
        pictures.append(reliability)
    shown = "".join(f"\n![{picture.stem}]({picture.name})\n" for picture in pictures)
    write_atomic(place, render_contest(report) + shown)
    return place


def _content(report: ContestReport) -> Any:
    return report.content


def _draw_gains(report: ContestReport, target: Target, path: Path) -> Path:
    content, words = _content(report), target.words
    gains = content["trials"]["gains"]
    figures = {line["entrant"]: line["figures"] for line in content["entrants"]}

    def of(metric: str) -> list[tuple[float, float, float]]:
        found = [figures[gain["name"]].get(metric, [np.nan] * 3)[:3] for gain in gains]
        return [(float(value), float(lower), float(upper)) for value, lower, upper in found]

    return render_intervals(
        [gain["name"] for gain in gains],
        [
            IntervalPanel(
                f"gain on the {words.reference}, paid for",
                [(gain["value"], gain["lower"], gain["upper"]) for gain in gains],
                0.0,
                f"{words.loss}, {words.unit}",
            ),
            IntervalPanel(words.decisive, of(target.decisive), 0.0, decides=False),
            IntervalPanel(words.order, of(target.order), target.order_of_nothing, decides=False),
        ],
        title=f"Contest of {report.signal} as of {report.as_of}",
        subtitle=f"{content['n_sessions']} judged sessions, {content['independent_windows']} "
        "windows that do not overlap; 95% intervals",
        path=path,
    )


def _draw_accounts(comparison: Comparison, rule: str, best: Sequence[str], path: Path) -> Path:
    earned = {item.name: item.backtest for item in comparison.earned}
    names = [BUY_AND_HOLD, *best[:SHOWN_ACCOUNTS]]
    return render_backtest(
        earned[BUY_AND_HOLD].sessions,
        {name: earned[name].equity for name in names},
        reference=BUY_AND_HOLD,
        title=f"What the forecasts would have earned, {rule}",
        subtitle="Costs paid, executed at the next open; it decides no promotion",
        path=path,
    )


def render_contest(report: ContestReport) -> str:
    """Return the whole report as Markdown, the sentence on skill first."""
    parts = [
        f"# Contest of {report.signal} as of {report.as_of}",
        report.sentence,
        *_content(report)["leaks"],
        describe_scope(report),
        describe_size(report),
    ]
    for section in tabulate_report(report):
        parts += [f"## {section.heading}", section.note]
        for table in section.tables:
            caption = f"### {table.caption}" if table.caption else ""
            parts += [caption, _table(table.columns, table.rows), table.after]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(heading: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table whose columns line up."""
    widths = [max(len(row[place]) for row in (heading, *rows)) for place in range(len(heading))]

    def join(cells: Row) -> str:
        return f"| {' | '.join(c.ljust(w) for c, w in zip(cells, widths, strict=True))} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([join(heading), rule, *map(join, rows)])
