"""Signals: what is issued. A universe, what is asked of its future, and how far ahead."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.files import hold_for_writing, mode_of, write_atomic
from factorprism.core.universe import Universe, load_universe, load_universes

SIGNALS_FILE = "signals.toml"
# The name stands in file names, ids of DAGs, keys of alerts and addresses of pages.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
HORIZON = 14
# Every universe has a signal of each of these built in: hs300-direction-14.
TARGETS = ("direction", "volatility")
FORM = '[name], universe = "hs300", target = "direction", horizon = 14'


@dataclass(frozen=True)
class Signal:
    """One question that is answered each session: `target` of `universe`, `horizon` sessions ahead.

    `lookback` is the length of an image in sessions, `model` the network that is trained for it,
    `networks` those that a full contest tries beside it. One that is `retired`, since that day, is
    forecast no more and leaves the pages; its rows stay in the ledger. Raises `ConfigurationError`
    for a name that cannot stand in file names and addresses, and for a number out of range.
    """

    name: str
    universe: Universe
    target: str
    horizon: int = HORIZON
    lookback: int = 56
    model: str = "inception"
    networks: tuple[str, ...] = ()
    retired: date | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        for name in ("horizon", "lookback"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigurationError(
                    f"the {name} of signal {self.name!r} is {value!r}",
                    remedy="It counts sessions: write a whole number from 1.",
                )

    @property
    def symbol(self) -> str:
        """The symbol whose future is forecast."""
        return self.universe.target

    @property
    def exchange(self) -> str:
        """The exchange on whose sessions it is forecast, such as ``XSHG``."""
        return self.universe.exchange

    @property
    def daily_dag(self) -> str:
        """The id of the DAG that forecasts it each session."""
        return f"daily-{self.name}"

    @property
    def weekly_dag(self) -> str:
        """The id of the DAG that trains for it each week."""
        return f"weekly-{self.name}"


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"signal {name!r} has a name that cannot be used",
            remedy="Use 1 to 80 of A-Z, a-z, 0-9, - and _, the first a letter or digit.",
        )


KEYS = tuple(item.name for item in fields(Signal) if item.name != "name")


def load_signals(config: Config) -> dict[str, Signal]:
    """Return all signals that are defined, by name: those built in, and the house's own.

    Own ones stand in ``signals.toml`` of the home; one by the name of a built-in signal changes
    that. Raises `ConfigurationError` for a file that is not such a list.
    """
    universes = load_universes(config.home)
    signals = _build_in(universes, config)
    for name, table in _read(config.home / SIGNALS_FILE).items():
        signals[name] = _define(name, table, signals.get(name), universes, config)
    return signals


def list_issued_signals(config: Config) -> list[Signal]:
    """Return the signals that are forecast: the default one first, then the house's own.

    Retired ones are left out. Raises as `find_signal` does.
    """
    signals = load_signals(config)
    own = _read(config.home / SIGNALS_FILE)
    names = dict.fromkeys([_find_default(config, signals).name, *own])
    return [signals[name] for name in names if signals[name].retired is None]


def find_signal(config: Config, name: str = "") -> Signal:
    """Return the signal called `name`, by default the direction of the configured universe.

    Raises `ConfigurationError` naming those that are defined, or the universes where the configured
    one is not.
    """
    signals = load_signals(config)
    if not name:
        return _find_default(config, signals)
    if name not in signals:
        near = get_close_matches(name, signals, n=3) or sorted(signals)
        raise ConfigurationError(
            f"signal {name!r} is not defined",
            remedy=f"Near it: {', '.join(near)}. All: factorprism signals list.",
        )
    return signals[name]


def _find_default(config: Config, signals: Mapping[str, Signal]) -> Signal:
    name = f"{config.universe_name}-{TARGETS[0]}-{HORIZON}"
    if name not in signals:
        load_universe(config.universe_name, config.home)  # each has one: this names those there are
    return signals[name]


def add_signal(config: Config, name: str, **values: object) -> Signal:
    """Write signal `name` to the house's own file, and return it.

    `values` are fields of `Signal`, the universe by its name; a built-in signal needs none. What
    stands in the file stays. Raises `ConfigurationError` for a name that is there already, and
    where `Signal` or the file's form refuses.
    """
    _check_name(name)
    path = config.home / SIGNALS_FILE
    lines = [f"{key} = {_to_toml(value)}" for key, value in values.items()]
    with hold_for_writing(path):
        if name in _read(path):
            raise ConfigurationError(
                f"signal {name!r} is in {path} already",
                remedy="Change it there, or choose another name.",
            )
        return _rewrite(config, name, lambda text: "\n".join([text, f"[{name}]", *lines, ""]))


def retire_signal(config: Config, name: str, since: date) -> Signal:
    """Write into the house's own file that `name` is retired, and return it.

    Raises `ConfigurationError` for a signal that is not defined or is retired already, and for a
    table of the file that begins in another way than ``[name]``.
    """
    path, line = config.home / SIGNALS_FILE, f"retired = {since}"
    header = re.compile(rf"^\s*\[\s*([\"']?){re.escape(name)}\1\s*\].*$", re.MULTILINE)
    with hold_for_writing(path):
        signal = find_signal(config, name)
        if signal.retired is not None:
            raise ConfigurationError(
                f"signal {name!r} is retired since {signal.retired}",
                remedy=f"Remove that line from {path} to take it up again.",
            )
        if name not in _read(path):
            return _rewrite(config, name, lambda text: "\n".join([text, f"[{name}]", line, ""]))
        if not header.search(path.read_text("utf-8")):
            raise ConfigurationError(
                f"signal {name!r} has no line [{name}] in {path}",
                remedy=f"Write {line} into its table there.",
            )
        return _rewrite(config, name, lambda text: header.sub(rf"\g<0>\n{line}", text, count=1))


def _rewrite(config: Config, name: str, change: Callable[[str], str]) -> Signal:
    """Write the changed file if it defines `name` well, and return that signal."""
    path = config.home / SIGNALS_FILE
    text = change(path.read_text("utf-8") if path.is_file() else "").lstrip("\n")
    universes = load_universes(config.home)
    built_in = _build_in(universes, config).get(name)
    signal = _define(name, tomllib.loads(text)[name], built_in, universes, config)
    write_atomic(path, text, mode=mode_of(path))
    return signal


def _to_toml(value: object) -> str:
    # A string of JSON is one of TOML too.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _build_in(universes: Mapping[str, Universe], config: Config) -> dict[str, Signal]:
    return {
        f"{universe.name}-{target}-{HORIZON}": Signal(
            f"{universe.name}-{target}-{HORIZON}",
            universe,
            target,
            model=config.model,
            networks=_split(config.contest_networks),
        )
        for universe in universes.values()
        for target in TARGETS
    }


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise _wrong(path, f"it cannot be read ({exc})") from exc


def _define(
    name: str,
    table: Any,
    built_in: Signal | None,
    universes: Mapping[str, Universe],
    config: Config,
) -> Signal:
    path = config.home / SIGNALS_FILE
    if not isinstance(table, Mapping):
        raise _wrong(path, f"{name!r} is {table!r} and no table")
    _refuse_unknown(path, name, table)
    values = {key: _check(path, name, key, value) for key, value in table.items()}
    if "universe" in values:
        values["universe"] = _find_universe(path, name, values["universe"], universes)
    if built_in is not None:
        return replace(built_in, **values)
    absent = [key for key in ("universe", "target") if key not in values]
    if absent:
        raise _wrong(path, f"{name!r} has no {absent[0]}")
    defaults = {"model": config.model, "networks": _split(config.contest_networks)}
    return Signal(name=name, **{**defaults, **values})


def _refuse_unknown(path: Path, name: str, table: Mapping[str, Any]) -> None:
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            meant = f"; is {near[0]!r} meant?" if near else ""
            raise _wrong(path, f"{name!r} has {key!r}, allowed are {', '.join(KEYS)}{meant}")


_KINDS: Mapping[str, type] = {
    "universe": str,
    "target": str,
    "horizon": int,
    "lookback": int,
    "model": str,
    "networks": list,
    "retired": date,
}


def _check(path: Path, name: str, key: str, value: Any) -> Any:
    if not isinstance(value, _KINDS[key]):
        raise _wrong(path, f"the {key} of {name!r} is {value!r}")
    if not isinstance(value, list):
        return value
    if not all(isinstance(item, str) for item in value):
        raise _wrong(path, f"the {key} of {name!r} are {value!r} and no list of names")
    return tuple(value)


def _find_universe(
    path: Path, name: str, wanted: str, universes: Mapping[str, Universe]
) -> Universe:
    if wanted not in universes:
        known = ", ".join(sorted(universes))
        raise _wrong(path, f"the universe of {name!r} is {wanted!r}, known are {known}")
    return universes[wanted]


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is not a list of signals: {what}", remedy=f"Write for each: {FORM}."
    )
