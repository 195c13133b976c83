"""Draws what the explanation of one forecast holds, each picture under its session's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.schemas import Forecast, ImageSet
from factorprism.factors import Normaliser
from factorprism.figures import render_attribution, render_neighbours, render_shares
from factorprism.forecasts import Window, encode_window
from factorprism.forecasts.explain import Attribution, Precedents, Shares
from factorprism.pipelines._run import Run


@dataclass(frozen=True)
class Pictures:
    """The pictures of one explained forecast; `agreement` of the members stands in each."""

    run: Run
    normaliser: Normaliser = field(repr=False)
    window: Window
    row: Forecast
    agreement: Mapping[str, float]

    def draw_attribution(self, attribution: Attribution) -> Path:
        return render_attribution(
            self.normaliser.transform(self.window.values),
            attribution,
            sessions=self.window.sessions,
            title=self._title("what its forecast is owed to"),
            path=explanation_path(self.run, "attribution"),
            forecast=self.row,
            stability=self.agreement,
        )

    def draw_shares(
        self, shapley: Shares, surrogate: Shares, baselines: Mapping[str, Mapping[str, Any]]
    ) -> Path:
        by_factor = {
            name: np.asarray(reasons["values"], np.float64).sum(axis=1)
            for name, reasons in baselines.items()
        }
        return render_shares(
            shapley,
            surrogate,
            by_factor,
            factors=self.window.factors,
            title=self._title("the same forecast by other methods"),
            path=explanation_path(self.run, "shares"),
            stability=self.agreement,
        )

    def draw_neighbours(self, precedents: Precedents, learned: ImageSet) -> Path:
        windows = [
            self.window,
            *(encode_window(learned, neighbour.session) for neighbour in precedents.neighbours),
        ]
        return render_neighbours(
            [self.normaliser.transform(window.values)[..., 0] for window in windows],
            precedents,
            sessions=[window.sessions for window in windows],
            factors=self.window.factors,
            title=self._title("the past images most like it"),
            path=explanation_path(self.run, "neighbours"),
        )

    def _title(self, what: str) -> str:
        return f"{self.row.symbol}, {self.row.session}: {what}"


def explanation_path(run: Run, kind: str) -> Path:
    """Return where the picture `kind` lies: ``attribution``, ``shares`` or ``neighbours``."""
    return run.config.home / "images" / f"{run.signal.name}-{run.session}-{kind}.png"
