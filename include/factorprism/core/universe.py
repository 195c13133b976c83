"""Universes: which index is forecast, and which indices are laid over it as image channels."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from factorprism.core.calendar import exchange_of
from factorprism.core.errors import ConfigurationError

UNIVERSES_FILE = "universes.toml"


@dataclass(frozen=True)
class Universe:
    """A target symbol and its overlays; `channels` is the order of the image's last axis."""

    name: str
    target: str
    overlays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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
        universes |= _parse(own.read_text("utf-8"), str(own))
    return universes


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
        return {
            name: Universe(name, table["target"], tuple(table.get("overlays", ())))
            for name, table in tables.items()
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigurationError(
            f"{origin} is not a list of universes: {exc}",
            remedy='Write for each: [name], target = "000300.SH", overlays = ["000905.SH"].',
        ) from exc
