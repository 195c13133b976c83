"""Draws what a contest's report says: the gains of all entrants, and their backtests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.contest import ContestReport
from factorprism.evaluation.backtest import BUY_AND_HOLD, Backtest
from factorprism.reports._backtest import render_backtest
from factorprism.reports._intervals import IntervalPanel, render_intervals
from factorprism.reports.contest_tables import name_loss
from factorprism.targets import Target

# Backtests that one picture can tell apart, beside buy-and-hold.
SHOWN_BACKTESTS = 5


def render_gains(report: ContestReport, target: Target, path: Path) -> Path:
    """Draw each entrant's gain on the reference, the best first, as PNG at `path`."""
    content: Mapping[str, Any] = report.content
    words, gains = target.words, content["trials"]["gains"]
    figures = {line["entrant"]: line["figures"] for line in content["entrants"]}

    def of(metric: str) -> list[tuple[float, float, float]]:
        found = [figures[gain["name"]].get(metric, [np.nan] * 3)[:3] for gain in gains]
        return [(float(value), float(lower), float(upper)) for value, lower, upper in found]

    panels = (
        IntervalPanel(
            f"gain on the {words.reference}, adjusted",
            [(gain["value"], gain["lower"], gain["upper"]) for gain in gains],
            0.0,
            name_loss(words),
        ),
        IntervalPanel(words.decisive, of(target.decisive), 0.0),
        IntervalPanel(words.order, of(target.order), target.order_of_nothing),
    )
    return render_intervals(
        [gain["name"] for gain in gains],
        # Reports of earlier releases lack some figures.
        [panel for panel in panels if np.isfinite(np.array(panel.intervals)).any()],
        title=f"Contest of {report.signal} as of {report.as_of}",
        subtitle=f"{content['n_sessions']} out-of-sample sessions, "
        f"{content['independent_windows']} windows that do not overlap; 95% intervals",
        path=path,
    )


def render_equity(
    backtests: Mapping[str, Backtest], best: Sequence[str], rule: str, path: Path
) -> Path:
    """Draw the equity of the `best` entrants beside buy-and-hold's as PNG at `path`.

    `backtests` holds one for each entrant by `rule`, and buy-and-hold's under its name.
    """
    names = [BUY_AND_HOLD, *best[:SHOWN_BACKTESTS]]
    return render_backtest(
        backtests[BUY_AND_HOLD].sessions,
        {name: backtests[name].equity for name in names},
        reference=BUY_AND_HOLD,
        title=f"Backtest of the forecasts, {rule}",
        subtitle="Costs paid, executed at the next open; it decides no promotion",
        path=path,
    )
