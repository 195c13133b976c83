"""Reads what a person has typed: days, symbols, names; refused with the nearest that there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import SequenceMatcher

import numpy as np
import pandas as pd

from factorprism.core.errors import ConfigurationError
from factorprism.core.symbols import bare_code

Day = str | date | np.datetime64
Moment = str | datetime
NEAREST = 5


def read_span(start: Day | None, end: Day | None) -> tuple[date, date]:
    """Return the days from `start` to `end`, both included; an end that is None is open.

    Raises `ConfigurationError` for what is no day, and for a start after the end.
    """
    first = date.min if start is None else read_day(start, "start")
    last = date.max if end is None else read_day(end, "end")
    if first > last:
        raise ConfigurationError(
            f"start is {first} and end is {last}", remedy="Name the earlier day as start."
        )
    return first, last


def read_day(value: Day, name: str) -> date:
    """Return `value`, a day or a moment of it, as a day; raises `ConfigurationError`."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value)
        if isinstance(value, date | np.datetime64) and not pd.isna(value):
            return pd.Timestamp(value).date()
    except ValueError:
        pass
    raise ConfigurationError(
        f"{name} is {value!r}, which is no day", remedy="Write it as 2024-06-28."
    )


def read_moment(value: Moment, name: str) -> datetime:
    """Return `value` as a naive moment of UTC, which one without a zone is already.

    Raises `ConfigurationError`.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (AttributeError, ValueError) as exc:
        raise ConfigurationError(
            f"{name} is {value!r}, which is no moment",
            remedy="Write it as 2024-06-28T11:30+00:00; without a zone it is UTC.",
        ) from exc


def read_symbols(symbols: str | Iterable[str], held: Sequence[str]) -> list[str]:
    """Return those of `held` that are meant: ``AAPL`` is the one ``AAPL.US``, each once.

    Raises `ConfigurationError` for one that is not held, naming the nearest that are.
    """
    named = [symbols] if isinstance(symbols, str) else symbols
    return list(dict.fromkeys(_read_symbol(text, held) for text in named))


def _read_symbol(text: str, held: Sequence[str]) -> str:
    alike = [symbol for symbol in held if text in (symbol, bare_code(symbol))]
    if text in alike or len(alike) == 1:
        return text if text in alike else alike[0]
    near = ", ".join(alike or order_by_likeness(text, held)[:NEAREST])
    raise ConfigurationError(
        f"the warehouse holds no bars of {text!r}",
        remedy=f"Nearest: {near}." if near else "Load a history: factorprism backfill.",
    )


def order_by_likeness(wanted: str, known: Iterable[str]) -> list[str]:
    """Return `known` in order, the name most like `wanted` first."""
    return sorted(known, key=lambda name: (-SequenceMatcher(None, wanted, name).ratio(), name))


def order_by_nearness(wanted: date | None, known: Iterable[date]) -> list[date]:
    """Return `known`, the day that is nearest to `wanted` first."""
    return sorted(known, key=lambda day: abs(day - wanted) if wanted else timedelta(0))
