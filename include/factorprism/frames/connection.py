"""The questions that a notebook asks, each answered by the room that knows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Self
from urllib.parse import urlsplit

import pandas as pd

from factorprism.core.contest import ContestReport, Explanation
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import Signal, find_signal, load_signals
from factorprism.factors import catalogue_hash
from factorprism.frames import tables
from factorprism.frames.asking import (
    NEAREST,
    Day,
    Moment,
    order_by_likeness,
    order_by_nearness,
    read_day,
    read_moment,
    read_span,
    read_symbols,
)
from factorprism.frames.image import Image, make_image
from factorprism.views import House, NotHeld, choose_line, final_rows, list_shown_lines
from factorprism.views.contest import load_tabulated
from factorprism.views.image import read_picture


class Connection:
    """A warehouse that is open for reading; `factorprism.connect` makes one.

    Where no signal is named the default one is meant, or else the one that was forecast last.
    `start` and `end` are days, both included; each may be left open. Bars, factors, forecasts and
    outcomes are indexed by (symbol, session), so that they can be joined. The columns of each
    frame, with types and meaning, stand in docs/python.md.

    It may be used as a context manager, and by several threads. Every method may raise
    `ConfigurationError`, which names the nearest that there is, and `WarehouseError`.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._config, self._warehouse = house.config, house.warehouse

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections to the server; a later question opens a new one."""
        self._warehouse.close()

    def __repr__(self) -> str:
        url = urlsplit(self._config.reader_url)
        server = f"{url.hostname or ''}{f':{url.port}' if url.port else ''}{url.path}"
        return f"<factorprism.Connection to {server} as {url.username}>"

    def signals(self) -> pd.DataFrame:
        """Return what the ledger holds of each signal, retired ones too; index ``signal``."""
        known = load_signals(self._config).values()
        retired = frozenset(signal.name for signal in known if signal.retired)
        return tables.tabulate_signals(self._warehouse.forecasts.list_lines(), retired)

    def forecasts(
        self,
        signal: str | None = None,
        start: Day | None = None,
        end: Day | None = None,
        *,
        every_word: bool = False,
    ) -> pd.DataFrame:
        """Return the ledger's last word for each session: issued, or withheld with its reason.

        The target's values are columns by their names, NaN where withheld. With `every_word` every
        row that the ledger has of a session is returned, in their order.
        """
        name, target = self._find(signal)
        rows = self._warehouse.forecasts.load_forecasts(name, *read_span(start, end))
        return tables.tabulate_forecasts(rows if every_word else final_rows(rows), target)

    def outcomes(
        self, signal: str | None = None, start: Day | None = None, end: Day | None = None
    ) -> pd.DataFrame:
        """Return what came of the forecasts of those sessions whose horizon has ended.

        The values that were issued stand beside it. Forecasts by several models of one session have
        a row each.
        """
        name, target = self._find(signal)
        held = self._warehouse.forecasts.load_outcomes(name, target)
        return tables.tabulate_outcomes(held, target, *read_span(start, end))

    def bars(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Day | None = None,
        end: Day | None = None,
        *,
        known_at: Moment | None = None,
    ) -> pd.DataFrame:
        """Return daily bars, by default of all channels of the default signal's universe.

        With `known_at` (UTC unless it has a zone) they are what the warehouse held at that moment.
        """
        moment = None if known_at is None else read_moment(known_at, "known_at")
        span = read_span(start, end)
        held = self._warehouse.bars.load_bars(self._choose_symbols(symbols), *span, moment)
        return held.set_index(list(tables.KEY))

    def factors(
        self,
        symbols: str | Iterable[str] | None = None,
        start: Day | None = None,
        end: Day | None = None,
    ) -> pd.DataFrame:
        """Return factors, float32, a column each, in the units of docs/factors.md; NaN: missing.

        A row reads no bar after its session. The symbols are as for `bars`.
        """
        span, catalogue = read_span(start, end), catalogue_hash()
        store = self._warehouse.factors
        return tables.tabulate_factors(
            [
                store.load_factors(symbol, catalogue, *span)
                for symbol in self._choose_symbols(symbols)
            ]
        )

    def image(self, session: Day | None = None, signal: str | None = None) -> Image:
        """Return the image of `session`, by default the newest in the ledger, from today's factors.

        Nothing after the close of the session is in it. There is one of every session with enough
        factors before it, whether or not it was forecast.
        """
        chosen = find_signal(self._config, self._find(signal)[0])
        day = self._find_newest(chosen) if session is None else read_day(session, "session")
        self._house.read_version()  # the process learns the days that the warehouse knows
        picture, match = read_picture(self._warehouse, self._config, chosen, day)
        if picture is None:
            raise self._no_image(chosen, day)
        return make_image(chosen.name, day, picture, match)

    def explain(self, session: Day | None = None, signal: str | None = None) -> pd.DataFrame:
        """Return what each part of the image of `session` added to the network's output.

        By default of the session that was explained last. One method after the other; the sum of
        ``shapley`` is the network's output less that for the median image.
        """
        return tables.tabulate_explanations(self._load_explanations(session, signal))

    def neighbours(self, session: Day | None = None, signal: str | None = None) -> pd.DataFrame:
        """Return the past images that are most like that of `session`, and what followed them."""
        return tables.tabulate_neighbours(self._load_explanations(session, signal))

    def contest(self, signal: str | None = None, as_of: Day | None = None) -> pd.DataFrame:
        """Return every figure of every entrant of the contest as of a session, the newest one.

        ``attrs`` has ``as_of`` and ``sentence``, what the contest came to.
        """
        return tables.tabulate_contest(self._load_report(signal, as_of))

    def trials(self, signal: str | None = None, as_of: Day | None = None) -> pd.DataFrame:
        """Return the entrants' gains on the reference, adjusted for multiple testing.

        Skill is shown where `superior` holds and `lower` is above zero.
        """
        return tables.tabulate_trials(self._load_report(signal, as_of))

    def walk_forward(self, signal: str | None = None, entrant: str | None = None) -> pd.DataFrame:
        """Return the contest's forecasts out of sample, by default of all entrants.

        None of them was ever issued. ``outcome.`` stands before what came, ``value.`` before the
        forecasts, ``base.`` before the reference's.
        """
        name, _ = self._find(signal)
        out_of_sample = self._warehouse.contests.load_out_of_sample(name, entrant)
        if entrant is not None and entrant not in out_of_sample:
            raise self._no_entrant(name, entrant)
        return tables.tabulate_walk_forward(out_of_sample)

    def backtest(self, signal: str | None = None, as_of: Day | None = None) -> pd.DataFrame:
        """Return backtests of the contest's forecasts, costs paid, beside buy and hold.

        Empty for a target without a probability of a rise, which the rules trade by.
        """
        return tables.tabulate_results(self._load_report(signal, as_of))

    def _find(self, signal: str | None) -> tuple[str, str]:
        """Return the name of the signal that is meant, and that of its target."""
        if signal is None:
            line = choose_line(list_shown_lines(self._warehouse, self._config), self._config, None)
            signal = line.signal if line else find_signal(self._config).name
        known = {name: one.target for name, one in load_signals(self._config).items()}
        known |= {line.signal: line.target for line in self._warehouse.forecasts.list_lines()}
        if signal not in known:
            near = ", ".join(order_by_likeness(signal, known)[:NEAREST])
            raise ConfigurationError(
                f"no signal is called {signal!r}",
                remedy=f"Nearest: {near}. What the ledger holds: signals().",
            )
        return signal, known[signal]

    def _choose_symbols(self, symbols: str | Iterable[str] | None) -> list[str]:
        if symbols is None:
            symbols = find_signal(self._config, self._find(None)[0]).universe.channels
        return read_symbols(symbols, self._warehouse.bars.list_symbols())

    def _find_newest(self, signal: Signal) -> date:
        sessions = self._warehouse.forecasts.list_sessions(signal.name)
        extent = self._warehouse.bars.load_extent(signal.symbol)
        if not sessions and extent is None:
            raise self._no_image(signal, None)
        return sessions[-1] if sessions or extent is None else extent[1]

    def _no_image(self, signal: Signal, session: date | None) -> ConfigurationError:
        extent = self._warehouse.bars.load_extent(signal.symbol)
        span = f"from {extent[0]} to {extent[1]}" if extent else "none"
        return ConfigurationError(
            f"there is no image of {signal.name}" + (f" of {session}" if session else ""),
            remedy=f"Sessions of {signal.symbol} that are held: {span}; an image takes "
            f"{signal.lookback} of them, and their factors.",
        )

    def _load_explanations(self, session: Day | None, signal: str | None) -> list[Explanation]:
        name, _ = self._find(signal)
        store = self._warehouse.explanations
        keys = store.list_explained(name)
        day = read_day(session, "session") if session is not None else keys[-1][0] if keys else None
        found = [store.load_explanation(name, *key) for key in keys if key[0] == day]
        if not found:
            near = ", ".join(map(str, order_by_nearness(day, {held for held, _ in keys})[:NEAREST]))
            raise ConfigurationError(
                f"no forecast of {name}{f' of {day}' if day else ''} is explained",
                remedy=f"Nearest: {near}."
                if near
                else f"Make one: factorprism daily --signal {name}.",
            )
        return [one for one in found if one is not None]

    def _load_report(self, signal: str | None, as_of: Day | None) -> ContestReport:
        name, _ = self._find(signal)
        day = None if as_of is None else read_day(as_of, "as_of")
        try:
            return load_tabulated(self._warehouse, name, day)
        except NotHeld as error:
            raise ConfigurationError(error.message, remedy=error.remedy) from error

    def _no_entrant(self, signal: str, entrant: str) -> ConfigurationError:
        known = order_by_likeness(entrant, self._warehouse.contests.load_out_of_sample(signal))
        return ConfigurationError(
            f"no entrant of the contest of {signal} is called {entrant!r}",
            remedy=f"Nearest: {', '.join(known[:NEAREST])}."
            if known
            else f"Hold one: factorprism train --signal {signal} --contest full.",
        )
