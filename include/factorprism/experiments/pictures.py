"""What all experiments show in the same way: contestants and paired differences with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from factorprism.experiments.comparison import Pair
from factorprism.experiments.experiment import Cell, Estimate
from factorprism.figures import IntervalPanel, render_intervals

Drawing = Callable[[Path], Path]
NATS = "nats a session"


def draw_contestants(rows: Sequence[Mapping[str, Cell]], *, title: str) -> Drawing:
    """Return what draws the rows of a `tabulate` table: gain, AUC and accuracy, as PNG at a path.

    The first column names the lines; the first row is the base rate, whose accuracy is a line.
    """
    column = next(iter(rows[0]))
    base, others = rows[0], rows[1:]
    accuracy = base["accuracy"]
    assert isinstance(accuracy, Estimate)
    panels = [
        IntervalPanel(
            "log loss below the base rate's", _of(others, "gain on base rate"), 0.0, NATS
        ),
        IntervalPanel("AUC within folds", _of(others, "AUC within folds"), 0.5),
        IntervalPanel("accuracy (line: base rate)", _of(others, "accuracy"), accuracy.value),
    ]
    return partial(
        _render, [str(row[column]) for row in others], panels, title, _describe_sessions(others)
    )


def draw_pairs(pairs: Sequence[Pair], *, title: str, subtitle: str = "") -> Drawing:
    """Return what draws paired differences of log loss and accuracy, as PNG at a path."""
    labels = [f"{pair.first} against {pair.second}" for pair in pairs]
    panels = [
        IntervalPanel("log loss lower by", [_ends(pair.log_loss) for pair in pairs], 0.0, NATS),
        IntervalPanel("accuracy higher by", [_ends(pair.accuracy) for pair in pairs], 0.0),
    ]
    return partial(_render, labels, panels, title, subtitle)


def _render(
    labels: Sequence[str],
    panels: Sequence[IntervalPanel],
    title: str,
    subtitle: str,
    path: Path,
) -> Path:
    return render_intervals(labels, panels, title=title, subtitle=subtitle, path=path)


def _describe_sessions(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Return over how much the rows were judged, those of the least windows first."""
    windows = sorted({int(str(row["independent windows"])) for row in rows})
    sessions = sorted({int(str(row["sessions"])) for row in rows})
    over = " to ".join(str(count) for count in dict.fromkeys((windows[0], windows[-1])))
    return (
        f"{' to '.join(map(str, dict.fromkeys((sessions[0], sessions[-1]))))} judged sessions, "
        f"{over} windows that do not overlap; lines are 95% block-bootstrap intervals"
    )


def _of(rows: Sequence[Mapping[str, Cell]], column: str) -> list[tuple[float, float, float]]:
    return [_ends(cell) for row in rows if isinstance(cell := row[column], Estimate)]


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.lower, estimate.upper
