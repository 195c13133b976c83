"""Universes: which index is forecast, and which indices are laid over it as image channels."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from factorprism.core.calendar import exchange_of
from factorprism.core.errors import ConfigurationError

UNIVERSES_FILE = "universes.toml"
# The name stands in file names, keys of alerts, run ids and addresses of pages.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
KEYS = ("target", "overlays")
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
        raise _wrong(origin, f"{name!r} has {unknown[0]!r}, allowed are {', '.join(KEYS)}")
    target, overlays = table.get("target"), table.get("overlays", [])
    if not isinstance(target, str):
        raise _wrong(origin, f"the target of {name!r} is {target!r} and no symbol")
    if not isinstance(overlays, list) or not all(isinstance(item, str) for item in overlays):
        raise _wrong(origin, f"the overlays of {name!r} are {overlays!r} and no list of symbols")
    return Universe(name, target, tuple(overlays))


def _wrong(origin: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{origin} is not a list of universes: {what}", remedy=f"Write for each: {FORM}."
    )
