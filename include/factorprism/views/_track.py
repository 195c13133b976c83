"""Forecasts of a target beside its reference's and what came of them, from ledger or contest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from factorprism.core.contest import OutOfSampleForecasts
from factorprism.core.ledger import Record
from factorprism.targets import Target
from factorprism.targets.target import Column, Columns


@dataclass(frozen=True, eq=False)
class Track:
    """Forecasts, arrays [session], ascending; NaN where withheld or not known yet.

    `values` and `reference` hold what the target's scores read, by its names.
    """

    target: Target
    sessions: npt.NDArray[np.datetime64]
    values: Columns
    reference: Columns
    labels: Column

    @property
    def forecast(self) -> Column:
        """What is shown first of each forecast."""
        return self.values[self.target.headline]

    @property
    def base(self) -> Column:
        """What the reference says of the same."""
        return self.reference[self.target.headline]

    @property
    def observed(self) -> Column:
        """What came, on the scale of `forecast`."""
        return self.target.observe(self.labels)

    @property
    def known(self) -> npt.NDArray[np.intp]:
        """The rows that were issued and are settled."""
        return np.flatnonzero(~np.isnan(self.labels) & ~np.isnan(self.forecast))

    @property
    def scores(self) -> Column:
        return self.target.compute_scores(self.labels, self.values)

    @property
    def base_scores(self) -> Column:
        return self.target.compute_scores(self.labels, self.reference)

    def find_loss(self) -> float | None:
        """Return the mean loss; None where a certain forecast missed."""
        losses = self.target.compute_losses(self.labels, self.values)
        return float(losses.mean()) if losses.max() < self.target.loss_limit else None

    def pick(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Track:
        return Track(
            self.target,
            self.sessions[rows],
            {name: column[rows] for name, column in self.values.items()},
            {name: column[rows] for name, column in self.reference.items()},
            self.labels[rows],
        )

    def say(self, constant: float) -> Track:
        """Return the same sessions as forecast by somebody who always says `constant`."""
        values = {self.target.headline: np.full(len(self.sessions), constant)}
        return Track(self.target, self.sessions, values, self.reference, self.labels)

    def say_reference(self) -> Track:
        return Track(self.target, self.sessions, self.reference, self.reference, self.labels)


def track_ledger(record: Record, target: Target) -> Track:
    """Return the issued forecasts of a signal of `target`."""
    return Track(target, record.sessions, *target.recall(record.values), record.outcome)


def track_contest(evaluated: OutOfSampleForecasts, target: Target) -> Track:
    """Return an entrant's walk-forward forecasts."""
    return Track(
        target,
        evaluated.sessions,
        _named("value.", evaluated.columns),
        _named("base.", evaluated.columns),
        evaluated.columns["outcome.label"],
    )


def _named(prefix: str, columns: Columns) -> Columns:
    chosen: Iterable[str] = (name for name in columns if name.startswith(prefix))
    return {name.removeprefix(prefix): columns[name] for name in chosen}
