"""What all experiments show in the same way: contestants and paired differences with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from factorprism.experiments.comparison import LEAST_WINDOWS, Pair
from factorprism.experiments.experiment import Cell, Estimate
from factorprism.reports import IntervalPanel, render_intervals
from factorprism.targets import DIRECTION

Drawing = Callable[[Path], Path]
NATS = "nats a session"


def draw_contestants(
    rows: Sequence[Mapping[str, Cell]], *, title: str, column: str | None = None
) -> Drawing:
    """Return what draws the rows of a `tabulate` table: gain, AUC and Brier skill, at a path.

    `column` (the first where not given) names the lines; rows of the base rate are the panels'
    references and no lines of their own.
    """
    column = column or next(iter(rows[0]))
    others = [row for row in rows if DIRECTION.reference not in row.values()]
    gains = _of(others, "gain on base rate")
    decides = min(int(str(row["independent windows"])) for row in others) >= LEAST_WINDOWS
    panels = [
        IntervalPanel("log loss below the base rate's, adjusted", gains, 0.0, NATS, decides),
        IntervalPanel("AUC within folds", _of(others, "AUC within folds"), 0.5),
        IntervalPanel("Brier skill against the base rate", _of(others, "Brier skill"), 0.0),
    ]
    labels = [str(row[column]) for row in others]
    return partial(_render, labels, panels, title, _describe_sessions(others, decides))


def draw_pairs(pairs: Sequence[Pair], *, title: str) -> Drawing:
    """Return what draws paired differences of log loss and accuracy, as PNG at a path."""
    subtitle = "on the same sessions; lines are 95% block-bootstrap intervals for all pairs at once"
    labels = [f"{pair.first} against {pair.second}" for pair in pairs]
    gains = [_ends(pair.log_loss) for pair in pairs]
    hits = [_ends(pair.accuracy) for pair in pairs]
    decides = all(pair.windows >= LEAST_WINDOWS for pair in pairs)
    panels = [
        IntervalPanel("log loss lower by", gains, 0.0, NATS, decides),
        IntervalPanel("accuracy higher by", hits, 0.0),
    ]
    return partial(_render, labels, panels, title, subtitle)


def draw_differences(
    estimates: Mapping[str, Estimate], *, title: str, subtitle: str, decides: bool
) -> Drawing:
    """Return what draws one line for each difference of log loss by its name, as PNG at a path."""
    intervals = [_ends(one) for one in estimates.values()]
    panel = IntervalPanel("log loss lower by", intervals, 0.0, NATS, decides)
    return partial(_render, list(estimates), [panel], title, subtitle)


def _render(
    labels: Sequence[str],
    panels: Sequence[IntervalPanel],
    title: str,
    subtitle: str,
    path: Path,
) -> Path:
    return render_intervals(labels, panels, title=title, subtitle=subtitle, path=path)


def _describe_sessions(rows: Sequence[Mapping[str, Cell]], decides: bool) -> str:
    """Return over how much the rows were evaluated, from the least to the most."""
    few = "" if decides else f" (fewer than {LEAST_WINDOWS} show nothing)"
    return (
        f"{_range(rows, 'sessions')} out-of-sample sessions, {_range(rows, 'independent windows')} "
        f"windows that do not overlap{few}; "
        "lines are 95% block-bootstrap intervals"
    )


def _range(rows: Sequence[Mapping[str, Cell]], column: str) -> str:
    counts = sorted({int(str(row[column])) for row in rows})
    return " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))


def _of(rows: Sequence[Mapping[str, Cell]], column: str) -> list[tuple[float, float, float]]:
    return [_ends(cell) for row in rows if isinstance(cell := row[column], Estimate)]


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.lower, estimate.upper
