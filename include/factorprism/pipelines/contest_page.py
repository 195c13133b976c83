"""The contest's report as Markdown, for the terminal and for the page beside its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.contest import ContestReport, FoldForecasts
from factorprism.figures import (
    IntervalPanel,
    render_backtest,
    render_intervals,
    render_reliability,
)
from factorprism.pipelines._run import Run
from factorprism.training.backtest import BUY_AND_HOLD, Comparison

Row = Sequence[str]
# Table by table: the heading, then metric, its column's name and the format of its figures.
SECTIONS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "Probability": (
        ("log_loss", "log loss", ".4f"),
        ("brier", "Brier", ".4f"),
        ("brier_skill", "Brier skill", "+.1%"),
        ("ece", "calibration error", ".3f"),
    ),
    "Order": (
        ("fold_auc", "AUC within folds", ".3f"),
        ("auc", "AUC pooled", ".3f"),
        ("information_coefficient", "information coefficient", "+.3f"),
    ),
    "Calls of a rise": (
        ("accuracy", "accuracy", ".1%"),
        ("balanced_accuracy", "balanced accuracy", ".1%"),
        ("precision", "precision", ".1%"),
        ("recall", "recall", ".1%"),
        ("f1", "F1", ".3f"),
    ),
    "Confusion, shares of all sessions": (
        ("true_up", "rise called rise", ".1%"),
        ("false_down", "rise called fall", ".1%"),
        ("false_up", "fall called rise", ".1%"),
        ("true_down", "fall called fall", ".1%"),
    ),
    "Forward return": (
        ("mae", "MAE", ".4f"),
        ("mse", "MSE", ".5f"),
        ("rmse", "RMSE", ".4f"),
        ("r2", "R2", "+.3f"),
        ("r2_skill", "R2 against the base rate", "+.3f"),
    ),
}


# Accounts that one picture can tell apart, beside buy-and-hold.
SHOWN_ACCOUNTS = 5


def write_contest(
    run: Run,
    report: ContestReport,
    accounts: Mapping[str, Comparison],
    folds: Sequence[FoldForecasts],
) -> Path:
    """Write the report's page and its pictures below the home folder, and return the page."""
    stem = f"{report.universe}-{report.as_of}"
    place = run.config.home / "contests" / f"{stem}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    rule, comparison = next(iter(accounts.items()))
    best = [gain["name"] for gain in _content(report)["trials"]["gains"]]
    pictures = [
        _draw_gains(report, place.with_name(f"{stem}-gains.png")),
        _draw_accounts(comparison, rule, best, place.with_name(f"{stem}-accounts.png")),
        _draw_reliability(folds, run.config.model, place.with_name(f"{stem}-reliability.png")),
    ]
    shown = "".join(f"\n![{picture.stem}]({picture.name})\n" for picture in pictures)
    place.write_text(render_contest(report) + shown, encoding="utf-8")
    return place


def _content(report: ContestReport) -> Any:
    return report.content


def _draw_gains(report: ContestReport, path: Path) -> Path:
    content = _content(report)
    gains = content["trials"]["gains"]
    figures = {line["entrant"]: line["figures"] for line in content["entrants"]}

    def of(metric: str) -> list[tuple[float, float, float]]:
        found = [figures[gain["name"]].get(metric, [np.nan] * 3)[:3] for gain in gains]
        return [(float(value), float(lower), float(upper)) for value, lower, upper in found]

    return render_intervals(
        [gain["name"] for gain in gains],
        [
            IntervalPanel(
                "gain on the base rate, paid for",
                [(gain["value"], gain["lower"], gain["upper"]) for gain in gains],
                0.0,
                "log loss, nats",
            ),
            IntervalPanel("Brier skill", of("brier_skill"), 0.0, decides=False),
            IntervalPanel("AUC within folds", of("fold_auc"), 0.5, decides=False),
        ],
        title=f"Contest of {report.universe} as of {report.as_of}",
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


def _draw_reliability(folds: Sequence[FoldForecasts], entrant: str, path: Path) -> Path:
    own = [fold for fold in folds if fold.entrant == entrant and not fold.placebo]
    return render_reliability(
        np.concatenate([fold.p_up for fold in own]),
        np.concatenate([fold.went_up for fold in own]) == 1,
        title=f"Reliability of {entrant}",
        path=path,
    )


def render_contest(report: ContestReport) -> str:
    """Return the whole report as Markdown, the sentence on skill first."""
    content = _content(report)
    trials = content["trials"]
    best = [gain["name"] for gain in trials["gains"]]
    order = {name: place for place, name in enumerate(["base_rate", *best])}
    entrants = sorted(content["entrants"], key=lambda line: order[line["entrant"]])
    parts = [
        f"# Contest of {report.universe}, {report.horizon} sessions ahead, as of {report.as_of}",
        report.sentence,
        *content["leaks"],
        f"Judged: {content['n_sessions']} sessions in {content['n_folds']} folds from "
        f"{content['first']} to {content['last']}, {content['independent_windows']} windows that "
        "do not overlap. In brackets 95% intervals, block bootstrap.",
        "## Gain on the base rate, all trials paid for",
        f"{trials['n_tried']} trials. The intervals hold for all entrants at once; the base rate "
        f"is {'in' if trials['base_in_confidence_set'] else 'not in'} the model confidence set.",
        _table(
            ("entrant", "log loss gain, nats", "may be the best", "skill"),
            [_gain_row(gain) for gain in trials["gains"]],
        ),
    ]
    for heading, columns in SECTIONS.items():
        rows = [_figure_row(line, columns) for line in entrants]
        parts += [f"## {heading}", _table(("entrant", *(name for _, name, _ in columns)), rows)]
    return "\n\n".join([*parts, *_placebo_parts(content), *_account_parts(content)]) + "\n"


def _gain_row(gain: Mapping[str, Any]) -> Row:
    skilled = gain["superior"] and gain["lower"] > 0.0
    return (
        gain["name"],
        f"{gain['value']:+.4f} [{gain['lower']:+.4f}, {gain['upper']:+.4f}]",
        "yes" if gain["in_confidence_set"] else "no",
        "shown" if skilled else "not shown",
    )


def _figure_row(line: Mapping[str, Any], columns: Sequence[tuple[str, str, str]]) -> Row:
    cells = []
    for metric, _, form in columns:
        found = line["figures"].get(metric)
        cells.append(_interval(found, form) if found else "-")
    return (line["entrant"], *cells)


def _interval(values: Sequence[float], form: str) -> str:
    value, lower, upper = (format(float(number), form) for number in values[:3])
    return f"{value} [{lower}, {upper}]"


def _placebo_parts(content: Mapping[str, Any]) -> list[str]:
    if not content["placebos"]:
        return []
    rows = [
        (
            line["placebo"].replace("_", " "),
            line["entrant"],
            _interval([line["auc"], line["lower"], line["upper"]], ".3f"),
            "yes" if line["contains_half"] else "no",
            "yes" if line["suspicious"] else "no",
        )
        for line in content["placebos"]
    ]
    heading = ("labels", "entrant", "AUC within folds", "contains 0.5", "above 0.5, all paid for")
    return [
        "## Placebos",
        "Shuffled labels can be learned by nobody: one interval in twenty leaves out 0.5 by "
        "chance, and who lies above it in both shuffles, all entrants paid for, has a leak. "
        "Shifted labels speak of the horizon after.",
        _table(heading, rows),
    ]


def _account_parts(content: Mapping[str, Any]) -> list[str]:
    parts = [
        "## What the forecasts would have earned",
        "Costs paid, executed at the next open. This describes; it decides no promotion.",
    ]
    heading = (
        "account",
        "a year",
        "volatility",
        "Sharpe (s.e.)",
        "drawdown",
        "turnover",
        "exposure",
        "above buy and hold, a year",
    )
    for rule in content["accounts"]:
        rows = [
            (
                account["name"],
                _percent(account["annual_return"]),
                _percent(account["annual_volatility"]),
                f"{float(account['sharpe']):.2f} ({float(account['sharpe_error']):.2f})",
                _percent(account["max_drawdown"]),
                f"{float(account['turnover']):.1f}",
                _percent(account["exposure"]),
                _interval(account["excess"], "+.1%"),
            )
            for account in rule["accounts"]
        ]
        deflated = ""
        if rule["best"]:
            deflated = (
                f"Best Sharpe ratio: {rule['best']}; after paying for the number tried it is above "
                f"zero with probability {float(rule['deflated']):.0%}."
            )
        parts += [f"### {rule['rule'].capitalize()}", _table(heading, rows), deflated]
    return [part for part in parts if part]


def _percent(value: float) -> str:
    return f"{float(value):.1%}"


def _table(heading: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table whose columns line up."""
    widths = [max(len(row[place]) for row in (heading, *rows)) for place in range(len(heading))]

    def join(cells: Row) -> str:
        return f"| {' | '.join(c.ljust(w) for c, w in zip(cells, widths, strict=True))} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([join(heading), rule, *map(join, rows)])
