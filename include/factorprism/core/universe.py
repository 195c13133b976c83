"""Universes: which symbol is forecast, and which ones are laid over it as image channels."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import find_exchange
from factorprism.core.files import hold_for_writing, mode_of, write_atomic
from factorprism.core.symbols import bare_code, exchange_of, find_symbol

UNIVERSES_FILE = "universes.toml"
# The one that the first run makes of a folder of files.
FILES_UNIVERSE = "files"
# The name stands in file names, keys of alerts, run ids and addresses of pages.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
KEYS = ("target", "overlays", "exchange")
FORM = '[name], target = "000300.SH", overlays = ["000905.SH"]'


@dataclass(frozen=True)
class Universe:
    """A target symbol and its overlays; `channels` is the order of the image's last axis.

    Raises `ConfigurationError` for a name that cannot stand in file names and addresses, a symbol
    of no known exchange, and one that is named twice.
    """

    name: str
    target: str
    overlays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"universe {self.name!r} has a name that cannot be used",
                remedy="Use 1 to 40 of A-Z, a-z, 0-9, - and _, the first a letter or digit.",
            )
        if len(set(self.channels)) != len(self.channels):
            raise ConfigurationError(
                f"universe {self.name!r} names a symbol twice: {', '.join(self.channels)}",
                remedy="Remove the repeated symbol from its overlays.",
            )
        for symbol in self.channels:
            exchange_of(symbol)

    @property
    def channels(self) -> tuple[str, ...]:
        return (self.target, *self.overlays)

    @property
    def exchange(self) -> str:
        """The calendar code of the target's exchange, on whose days the universe is forecast."""
        return exchange_of(self.target)

    def symbol_of(self, text: str) -> str:
        """Return the channel that a person means by `text`, such as ``AAPL`` of ``AAPL.US``.

        Any other symbol is returned as `find_symbol` writes it, and what is none as it stands.
        """
        for symbol in self.channels:
            if text in (symbol, bare_code(symbol)):
                return symbol
        try:
            return find_symbol(text)
        except ConfigurationError:
            return text


def make_universe(name: str, target: str, overlays: Sequence[str], exchange: str = "") -> Universe:
    """Return the universe of the symbols that a person has typed.

    `exchange` says where those trade whose code does not. Raises `ConfigurationError` as
    `Universe`, `find_exchange` and `find_symbol` do.
    """
    if exchange:
        find_exchange(exchange)
    symbols = [find_symbol(text, exchange) for text in (target, *overlays)]
    return Universe(name, symbols[0], tuple(symbols[1:]))


def add_universe(
    home: Path, name: str, target: str, overlays: Sequence[str], exchange: str = ""
) -> Universe:
    """Append a universe to ``universes.toml`` in `home` and return it; what stands there stays.

    Raises `ConfigurationError` as `make_universe` does, for a name that is taken, and where the
    file cannot be read as it is.
    """
    universe, path = make_universe(name, target, overlays, exchange), home / UNIVERSES_FILE
    with hold_for_writing(path):
        _require_new(name, home)
        held = path.read_bytes() if path.is_file() else b""
        gap = "" if not held else "\n" if held.endswith(b"\n") else "\n\n"
        table = _render(name, target, overlays, exchange)
        write_atomic(path, held + f"{gap}{table}".encode(), mode=mode_of(path))
    return universe


def _require_new(name: str, home: Path) -> None:
    if name in load_universes(home):
        where = "built in" if name in load_builtin_universes() else f"in {home / UNIVERSES_FILE}"
        raise ConfigurationError(
            f"universe {name!r} is there already, {where}",
            remedy="Choose another name; a universe of your own is changed in that file.",
        )


def _render(name: str, target: str, overlays: Sequence[str], exchange: str) -> str:
    lines = [f"[{name}]", f'target = "{target}"']
    if overlays:
        listed = ", ".join(f'"{symbol}"' for symbol in overlays)
        lines.append(f"overlays = [{listed}]")
    if exchange:
        lines.append(f'exchange = "{exchange}"')
    return "\n".join(lines) + "\n"


def load_universes(home: Path) -> dict[str, Universe]:
    """Return the built-in universes and those of ``universes.toml`` in `home`, by name."""
    universes = load_builtin_universes()
    own = home / UNIVERSES_FILE
    if own.is_file():
        universes |= _parse(_read(own), str(own))
    return universes


def _read(own: Path) -> str:
    try:
        return own.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise _wrong(str(own), f"it cannot be read ({exc})") from exc


def holds_universe(name: str, home: Path) -> bool:
    """Tell whether ``universes.toml`` in `home` has a table `name`; a broken file has none."""
    try:
        return name in tomllib.loads((home / UNIVERSES_FILE).read_text("utf-8"))
    except (OSError, ValueError):  # whoever loads the universe learns what is wrong
        return False


def load_builtin_universes() -> dict[str, Universe]:
    """Return the universes that come with the house, by name."""
    builtin = resources.files("factorprism.core").joinpath(UNIVERSES_FILE).read_text("utf-8")
    return _parse(builtin, UNIVERSES_FILE)


def load_universe(name: str, home: Path) -> Universe:
    """Return the universe called `name`; raises `ConfigurationError` naming those that exist."""
    universes = load_universes(home)
    if name not in universes:
        raise ConfigurationError(
            f"universe {name!r} is not defined",
            remedy=f"Known: {', '.join(sorted(universes))}. Add yours to {home / UNIVERSES_FILE}.",
        )
    return universes[name]


def exchanges_of(universes: Iterable[Universe]) -> list[str]:
    """Return the calendar codes of all exchanges that a channel of `universes` trades on."""
    return sorted({exchange_of(symbol) for one in universes for symbol in one.channels})


def _parse(text: str, origin: str) -> dict[str, Universe]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _wrong(origin, str(exc)) from exc
    return {name: _define(name, table, origin) for name, table in tables.items()}


def _define(name: str, table: Any, origin: str) -> Universe:
    if not isinstance(table, Mapping):
        raise _wrong(origin, f"{name!r} is {table!r} and no table")
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise _unknown_key(name, unknown[0], origin)
    target, overlays = table.get("target"), table.get("overlays", [])
    exchange = table.get("exchange", "")
    if not isinstance(target, str):
        raise _wrong(origin, f"the target of {name!r} is {target!r} and no symbol")
    if not isinstance(overlays, list) or not all(isinstance(item, str) for item in overlays):
        raise _wrong(origin, f"the overlays of {name!r} are {overlays!r} and no list of symbols")
    if not isinstance(exchange, str):
        raise _wrong(origin, f"the exchange of {name!r} is {exchange!r} and no code")
    return make_universe(name, target, overlays, exchange)


def _unknown_key(name: str, key: str, origin: str) -> ConfigurationError:
    near = get_close_matches(key.lower(), KEYS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return _wrong(origin, f"{name!r} has {key!r}, allowed are {', '.join(KEYS)}{meant}")


def _wrong(origin: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{origin} is not a list of universes: {what}", remedy=f"Write for each: {FORM}."
    )
