"""The contest's report as tables of text, for the Markdown page and for the pages of the UI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factorprism.core.contest import ContestReport
from factorprism.training.contest import describe_seconds

Row = tuple[str, ...]
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
# What is said under a heading of these.
NOTES: Mapping[str, str] = {
    "Calls of a rise": (
        "A rise is called where its probability is above 50%. Who stays on one side of 50% makes "
        "the same call throughout a fold, so that entrants with little to say share their figures."
    ),
}


@dataclass(frozen=True)
class ContestTable:
    """One table: every cell is text; `caption` may be empty, `after` is what is said below it."""

    columns: Row
    rows: tuple[Row, ...] = field(repr=False)
    caption: str = ""
    after: str = ""


@dataclass(frozen=True)
class ContestSection:
    """A heading, what is said under it (may be empty), and its tables."""

    heading: str
    note: str
    tables: tuple[ContestTable, ...]


def tabulate_report(report: ContestReport) -> tuple[ContestSection, ...]:
    """Return the report's sections: the gains first, entrants by their gain in every table."""
    content: Any = report.content
    best = [gain["name"] for gain in content["trials"]["gains"]]
    order = {name: place for place, name in enumerate(["base_rate", *best])}
    entrants = sorted(content["entrants"], key=lambda line: order[line["entrant"]])
    figures = (
        ContestSection(
            heading,
            NOTES.get(heading, ""),
            (
                ContestTable(
                    ("entrant", *(name for _, name, _ in columns)),
                    tuple(_figure_row(line, columns) for line in entrants),
                ),
            ),
        )
        for heading, columns in SECTIONS.items()
    )
    return (_gain_section(content), *figures, *_placebo_sections(content), _accounts(content))


def describe_scope(report: ContestReport) -> str:
    """Say which sessions the contest was judged on, and what its brackets hold."""
    content: Any = report.content
    return (
        f"Judged: {content['n_sessions']} sessions in {content['n_folds']} folds from "
        f"{content['first']} to {content['last']}, {content['independent_windows']} windows that "
        "do not overlap. In brackets 95% intervals, block bootstrap."
    )


def describe_size(report: ContestReport) -> str:
    """Say what of the full contest was left out, and why; empty where nothing was."""
    plan: Any = report.content.get("plan")
    if not plan or not plan["left_out"]:
        return ""
    return (
        f"Sized for this machine, with {describe_seconds(plan['expected_seconds'])} expected. "
        f"Left out: {'; '.join(plan['left_out'])}."
    )


def _gain_section(content: Mapping[str, Any]) -> ContestSection:
    trials = content["trials"]
    note = (
        f"{trials['n_tried']} trials. The intervals hold for all entrants at once; the base rate "
        f"is {'in' if trials['base_in_confidence_set'] else 'not in'} the model confidence set."
    )
    columns = ("entrant", "log loss gain, nats", "may be the best", "skill")
    rows = tuple(_gain_row(gain) for gain in trials["gains"])
    heading = "Gain on the base rate, all trials paid for"
    return ContestSection(heading, note, (ContestTable(columns, rows),))


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


def _placebo_sections(content: Mapping[str, Any]) -> Iterator[ContestSection]:
    if not content["placebos"]:
        return
    rows = tuple(
        (
            line["placebo"].replace("_", " "),
            line["entrant"],
            _interval([line["auc"], line["lower"], line["upper"]], ".3f"),
            "yes" if line["contains_half"] else "no",
            "yes" if line["suspicious"] else "no",
        )
        for line in content["placebos"]
    )
    columns = ("labels", "entrant", "AUC within folds", "contains 0.5", "above 0.5, all paid for")
    note = (
        "Shuffled labels can be learned by nobody: one interval in twenty leaves out 0.5 by "
        "chance, and who lies above it in both shuffles, all entrants paid for, has a leak. "
        "Shifted labels speak of the horizon after."
    )
    yield ContestSection("Placebos", note, (ContestTable(columns, rows),))


def _accounts(content: Mapping[str, Any]) -> ContestSection:
    return ContestSection(
        "What the forecasts would have earned",
        "Costs paid, executed at the next open. This describes; it decides no promotion.",
        tuple(_account_table(rule) for rule in content["accounts"]),
    )


def _account_table(rule: Mapping[str, Any]) -> ContestTable:
    columns = (
        "account",
        "a year",
        "volatility",
        "Sharpe (s.e.)",
        "drawdown",
        "turnover",
        "exposure",
        "above buy and hold, a year",
    )
    rows = tuple(
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
    )
    deflated = ""
    if rule["best"]:
        deflated = (
            f"Best Sharpe ratio: {rule['best']}; after paying for the number tried it is above "
            f"zero with probability {float(rule['deflated']):.0%}."
        )
    return ContestTable(columns, rows, rule["rule"].capitalize(), deflated)


def _percent(value: float) -> str:
    return f"{float(value):.1%}"
