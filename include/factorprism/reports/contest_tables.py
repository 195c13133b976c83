"""The contest's report as tables of text, for the Markdown page and for the pages of the UI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factorprism.core.contest import ContestReport
from factorprism.selection.contest import describe_seconds
from factorprism.targets import DIRECTION, Target, TargetWords, find_target

Row = tuple[str, ...]


@dataclass(frozen=True)
class ReportTable:
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
    tables: tuple[ReportTable, ...]


def is_tabulated(report: ContestReport) -> bool:
    """Tell whether the figures of `report` are held, and not its sentence alone."""
    trials: Any = report.content.get("trials")
    return bool(trials and trials["gains"])


def name_loss(words: TargetWords) -> str:
    """Return the name of a target's loss with its unit, where that is another word."""
    return ", ".join(dict.fromkeys((words.loss, words.unit)))


def tabulate_report(report: ContestReport) -> tuple[ContestSection, ...]:
    """Return the report's sections: the gains first, entrants by their gain in every table."""
    content: Any = report.content
    target = find_target(content.get("target", DIRECTION.name))
    best = [gain["name"] for gain in content["trials"]["gains"]]
    order = {name: index for index, name in enumerate([target.reference, *best])}
    entrants = sorted(content["entrants"], key=lambda line: order[line["entrant"]])
    figures = (
        ContestSection(
            section.heading,
            section.note,
            (
                ReportTable(
                    ("entrant", *(name for _, name, _ in section.columns)),
                    tuple(_figure_row(line, section.columns) for line in entrants),
                ),
            ),
        )
        for section in target.sections
    )
    gains, placebos = _gain_section(content, target.words), _placebo_sections(content, target)
    backtests = [_backtests(content)] if target.probability else []
    return (gains, *figures, *placebos, *backtests)


def describe_scope(report: ContestReport) -> str:
    """Say which sessions the contest was evaluated on, and what its brackets hold."""
    content: Any = report.content
    return (
        f"Out of sample: {content['n_sessions']} sessions in {content['n_folds']} folds from "
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


def _gain_section(content: Mapping[str, Any], words: TargetWords) -> ContestSection:
    trials = content["trials"]
    note = (
        f"{trials['n_tried']} trials. The intervals hold for all entrants at once; the "
        f"{words.reference} is {'in' if trials['base_in_confidence_set'] else 'not in'} the model "
        "confidence set."
    )
    columns = ("entrant", f"gain in {name_loss(words)}", "may be the best", "skill")
    rows = tuple(_gain_row(gain) for gain in trials["gains"])
    heading = f"Gain on the {words.reference}, adjusted for multiple testing"
    return ContestSection(heading, note, (ReportTable(columns, rows),))


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


def _placebo_sections(content: Mapping[str, Any], target: Target) -> Iterator[ContestSection]:
    if not content["placebos"]:
        return
    nothing = f"{target.order_of_nothing:g}"
    rows = tuple(
        (
            line["placebo"].replace("_", " "),
            line["entrant"],
            _interval([_ordered(line), line["lower"], line["upper"]], ".3f"),
            "yes" if line["lower"] <= target.order_of_nothing <= line["upper"] else "no",
            "yes" if line["suspicious"] else "no",
        )
        for line in content["placebos"]
    )
    columns = (
        "labels",
        "entrant",
        target.words.order,
        f"contains {nothing}",
        f"above {nothing}, adjusted for multiple testing",
    )
    note = (
        f"Shuffled labels can be learned by nobody: one interval in twenty leaves out {nothing} by "
        "chance, and who lies above it in both shuffles, adjusted for all entrants, has a leak. "
        "Shifted labels speak of the horizon after."
    )
    yield ContestSection("Placebos", note, (ReportTable(columns, rows),))


def _ordered(line: Mapping[str, Any]) -> float:
    """Return the figure of the order; reports of earlier releases call it by the direction's."""
    return float(line["order"] if "order" in line else line["auc"])


def _backtests(content: Mapping[str, Any]) -> ContestSection:
    return ContestSection(
        "Backtest of the forecasts",
        "Costs paid, executed at the next open. This describes; it decides no promotion.",
        tuple(_backtest_table(rule) for rule in content["backtests"]),
    )


def _backtest_table(rule: Mapping[str, Any]) -> ReportTable:
    columns = (
        "forecaster",
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
            result["name"],
            _percent(result["annual_return"]),
            _percent(result["annual_volatility"]),
            f"{float(result['sharpe']):.2f} ({float(result['sharpe_error']):.2f})",
            _percent(result["max_drawdown"]),
            f"{float(result['turnover']):.1f}",
            _percent(result["exposure"]),
            _interval(result["excess_return"], "+.1%"),
        )
        for result in rule["results"]
    )
    deflated = ""
    if rule["best"]:
        deflated = (
            f"Best Sharpe ratio: {rule['best']}; after adjusting for the number tried it is above "
            f"zero with probability {float(rule['deflated']):.0%}."
        )
    return ReportTable(columns, rows, rule["rule"].capitalize(), deflated)


def _percent(value: float) -> str:
    return f"{float(value):.1%}"
