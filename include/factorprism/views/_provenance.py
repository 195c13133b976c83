"""The far ends of a lineage: the bars and pulls that a row read, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd

from factorprism.core.ledger import Forecast, Outcome
from factorprism.forecasts import ImageWindow, settle_at
from factorprism.market.bars import PullSummary, RevisedValue, hash_bars
from factorprism.pipelines import Run, find_bars_start, load_window_bars
from factorprism.views._match import HashLink, Match, compare_hashes


@dataclass(frozen=True)
class BarsLink:
    """The bars that the window's factors depend on, and the pulls that gave them.

    `content` compares their hash; `as_known_then` tells, where it does not agree any more,
    whether the bars as they were held when the row was written still give it (None: not asked),
    and `added` how many bars came in since. `revised` are the values that changed since.
    `window_pulls` gave bars of the image's own sessions, `earlier_pulls` only of the years before
    them, which the moving averages remember. `refused` are quarantined pulls of the session.
    """

    content: HashLink
    as_known_then: bool | None
    added: int
    first: date | None
    last: date | None
    counts: dict[str, int]
    revised: tuple[RevisedValue, ...] = field(repr=False)
    window_pulls: tuple[PullSummary, ...] = field(repr=False)
    earlier_pulls: tuple[PullSummary, ...] = field(repr=False)
    refused: tuple[PullSummary, ...] = field(repr=False)


@dataclass(frozen=True)
class SettledOutcome:
    """What came of a forecast: its outcome, when it was written (naive UTC), and the same now.

    `return_now` is reckoned from the closes now held, a fraction; None where one is missing.
    """

    outcome: Outcome
    settled_at: datetime
    return_now: float | None

    @property
    def match(self) -> Match:
        """Whether the closes now held give the same return."""
        if self.return_now is None:
            return Match.UNKNOWN
        same = self.return_now == self.outcome.forward_return
        return Match.REPRODUCED if same else Match.REVISED


def load_bars_link(run: Run, row: Forecast, window: ImageWindow | None) -> BarsLink:
    """Return the bars behind `window` and their pulls; without a window, the pulls refused."""
    channels = run.universe.channels
    store = run.ports.warehouse.pulls
    refused = tuple(store.list_refused(channels, run.session, run.session))
    if window is None:
        content = compare_hashes(row.data_hash, "")
        return BarsLink(content, None, 0, None, None, {}, (), (), (), refused)
    bars = load_window_bars(run, window)
    content = compare_hashes(row.data_hash, hash_bars(bars))
    as_known_then, added = None, 0
    if content.match is Match.REVISED:
        then = load_window_bars(run, window, row.created_at)
        as_known_then, added = hash_bars(then) == row.data_hash, len(bars) - len(then)
    first: date = window.sessions[0].astype(date)
    pulls = store.list_origins(channels, find_bars_start(window), run.session)
    counts = bars["symbol"].value_counts()
    return BarsLink(
        content=content,
        as_known_then=as_known_then,
        added=added,
        first=bars["session"].min().date(),
        last=bars["session"].max().date(),
        counts={symbol: int(counts.get(symbol, 0)) for symbol in channels},
        revised=_find_revised(run, row, window),
        window_pulls=tuple(use for use in pulls if use.last_used and use.last_used >= first),
        earlier_pulls=tuple(use for use in pulls if use.last_used and use.last_used < first),
        refused=refused,
    )


def _find_revised(run: Run, row: Forecast, window: ImageWindow) -> tuple[RevisedValue, ...]:
    assert row.created_at is not None  # the ledger always says when
    start = find_bars_start(window)
    store = run.ports.warehouse.bars
    frames = [store.load_revisions(symbol, start, run.session) for symbol in window.channels]
    frame = pd.concat(frames, ignore_index=True)
    later = frame[frame["revised_at"] > pd.Timestamp(row.created_at)]
    return tuple(
        RevisedValue(
            str(held["symbol"]),
            held["session"].date(),
            str(held["column"]),
            float(held["old_value"]),
            float(held["new_value"]),
            int(held["pull_id"]),
            held["revised_at"].to_pydatetime(),
        )
        for held in later.to_dict("records")
    )


def load_settled(run: Run, row: Forecast) -> SettledOutcome | None:
    """Return what came of `row`, and its return from the closes now held; None while it is open."""
    held = run.ports.warehouse.forecasts.load_outcome(row)
    if held is None:
        return None
    end = held[0].horizon_end  # the session that came, wherever the row expected it
    bars = run.ports.warehouse.bars.load_bars([row.symbol], row.session, end)
    closes = dict(zip(bars["session"].dt.date, bars["close"], strict=True))
    now = settle_at(row, run.target, end, closes, run.calendar)
    return SettledOutcome(*held, now.forward_return if now else None)
