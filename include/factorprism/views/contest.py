"""A contest held before: its report, its entrants' forecasts, and their backtests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, as_days
from factorprism.core.config import Config
from factorprism.core.contest import ContestReport, OutOfSampleForecasts
from factorprism.core.signals import Signal
from factorprism.evaluation.backtest import Backtest, BacktestRule, trade_forecasts
from factorprism.pipelines import Ports, Run
from factorprism.pipelines.contest_backtests import RULES, load_prices
from factorprism.reports import is_tabulated
from factorprism.targets.target import Column
from factorprism.views._lines import NotHeld
from factorprism.views._track import Track, track_contest
from factorprism.warehouse import PostgresWarehouse


@dataclass(frozen=True, eq=False)
class HeldContest:
    """The contest of `report`; `evaluated` holds what each entrant forecast of its sessions.

    `days` are all sessions of the exchange from the first evaluated one through the report's.
    """

    run: Run
    report: ContestReport
    days: DayArray = field(repr=False)
    evaluated: Mapping[str, Track] = field(repr=False)

    @property
    def best(self) -> list[str]:
        """The entrants, the greatest gain on the reference first."""
        content: Mapping[str, Any] = self.report.content
        return [gain["name"] for gain in content["trials"]["gains"]]

    def find_entrant(self, name: str = "") -> str:
        """Return `name`; without one the signal's own network, or else who gained most.

        Raises `NotHeld` for somebody who took no part.
        """
        own = self.run.signal.model
        chosen = name or (own if own in self.evaluated else self.best[0])
        if chosen in self.evaluated:
            return chosen
        raise NotHeld(
            f"{chosen} took no part in the contest of {self.report.as_of}",
            remedy=f"Choose one of: {', '.join(self.evaluated)}.",
        )

    def rows_of(self, name: str) -> npt.NDArray[np.int64]:
        """Return the indices of the entrant's out-of-sample sessions in `days`, int64 [session]."""
        return np.searchsorted(self.days, as_days(self.evaluated[name].sessions)).astype(np.int64)

    def read_probabilities(self, name: str) -> tuple[Column, npt.NDArray[np.bool_]]:
        """Return what the entrant said and whether the rise came, [out-of-sample session].

        Raises `NotHeld` for a target that forecasts no probability of a rise.
        """
        track, probability = self.evaluated[name], self.run.target.probability
        if not probability:
            raise NotHeld(
                f"{self.run.signal.name} forecasts no probability of a rise",
                remedy="Draw the contest's gains instead: factorprism draw contest --signal "
                f"{self.run.signal.name}",
            )
        return track.values[probability], track.labels == 1

    def trade(self) -> tuple[str, dict[str, Backtest]]:
        """Return the first rule's name, and every entrant's backtest by it, buy-and-hold's first.

        Prices are those now held. Raises as `read_probabilities` does.
        """
        name, described = next(iter(RULES.items()))
        rule = BacktestRule(horizon=self.run.signal.horizon, **described)
        columns = {entrant: self._spread(entrant) for entrant in self.evaluated}
        return name, trade_forecasts(load_prices(self.run, self.days), columns, rule)

    def _spread(self, name: str) -> Column:
        """Return the entrant's probabilities on all sessions, NaN where nothing was evaluated."""
        column = np.full(len(self.days), np.nan)
        column[self.rows_of(name)], _ = self.read_probabilities(name)
        return column


def load_report(
    warehouse: PostgresWarehouse, signal: str, as_of: date | None = None
) -> ContestReport:
    """Return the report of `signal` as of a session, by default the newest one.

    Raises `NotHeld`, with the newest there is.
    """
    report = warehouse.contests.load_report(signal, as_of)
    if report is not None:
        return report
    newest = warehouse.contests.load_report(signal)
    raise NotHeld(
        f"no contest of {signal} was held" + (f" as of {as_of}" if as_of else ""),
        remedy=f"The newest is as of {newest.as_of}."
        if newest
        else f"Hold one: factorprism train --signal {signal} --contest full.",
    )


def load_tabulated(
    warehouse: PostgresWarehouse, signal: str, as_of: date | None = None
) -> ContestReport:
    """Return as `load_report` does; raises `NotHeld` for a report without its tables, too."""
    report = load_report(warehouse, signal, as_of)
    if is_tabulated(report):
        return report
    raise NotHeld(
        f"of the contest of {report.as_of} the sentence alone was kept",
        remedy=f"Hold it again: factorprism train --signal {signal} --contest full "
        f"--session {report.as_of}",
    )


def read_contest(
    warehouse: PostgresWarehouse, config: Config, signal: Signal, as_of: date | None = None
) -> HeldContest:
    """Return the contest of `signal` as of a session, by default the newest, from the folds held.

    Raises `NotHeld` where there is none, or where its folds are no longer the newest ones.
    """
    report = load_tabulated(warehouse, signal.name, as_of)
    run = Run(report.as_of, signal, config, Ports(config, warehouse))
    content: Mapping[str, Any] = report.content
    first, last = (date.fromisoformat(str(content[name])) for name in ("first", "last"))
    held = warehouse.contests.load_out_of_sample(signal.name)
    evaluated = {
        line["entrant"]: track_contest(_cut(held[line["entrant"]], first, last), run.target)
        for line in content["entrants"]
        if line["entrant"] in held
    }
    if {len(track.sessions) for track in evaluated.values()} != {int(content["n_sessions"])}:
        raise NotHeld(
            f"other folds have been evaluated since the contest of {report.as_of}",
            remedy="Draw the newest contest, or hold this one again: factorprism train --signal "
            f"{signal.name} --contest full --session {report.as_of}",
        )
    days = run.calendar.sessions(first, report.as_of)
    return HeldContest(run, report, days, evaluated)


def _cut(evaluated: OutOfSampleForecasts, first: date, last: date) -> OutOfSampleForecasts:
    within = (evaluated.sessions >= np.datetime64(first, "D")) & (
        evaluated.sessions <= np.datetime64(last, "D")
    )
    columns = {name: column[within] for name, column in evaluated.columns.items()}
    return OutOfSampleForecasts(evaluated.sessions[within], columns)
