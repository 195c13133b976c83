"""The universe of a folder of files, which the first run makes where no setting names one."""

from __future__ import annotations

from collections.abc import Mapping

from factorprism.cli.embedded import say
from factorprism.core.config import DEFAULT_UNIVERSES, PREFIX, Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import (
    FILES_UNIVERSE,
    UNIVERSES_FILE,
    add_universe,
    holds_universe,
    load_builtin_universes,
    load_universe,
)
from factorprism.sources.files import choose_symbol, list_held

UNIVERSE, SOURCE = f"{PREFIX}UNIVERSE", f"{PREFIX}SOURCE"


def settle_universe(environ: Mapping[str, str], target: str = "", exchange: str = "") -> None:
    """Write the universe `files` into the home, of the only symbol of the folder or of `target`.

    Nothing is written where the source is another, a setting names a universe, or one was made
    before. Raises `ConfigurationError` where there is a choice to make that nobody has made.
    """
    config = load_config(environ)
    if config.source != "files":
        _require_no_choice(
            target, exchange, f"the source is {config.source}", "set FACTORPRISM_FILES"
        )
    elif config.universe_name != FILES_UNIVERSE and _is_set(environ, UNIVERSE):
        _require_no_choice(target, exchange, f"{UNIVERSE} is {config.universe_name}", "unset it")
    elif holds_universe(FILES_UNIVERSE, config.home):
        _require_same(config, target)
    elif target or exchange or not _serves_default(config, environ):
        _make(config, target, exchange)


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name, "").strip())


def _serves_default(config: Config, environ: Mapping[str, str]) -> bool:
    """Tell whether the folder has all symbols of the default universe of the source ``files``.

    Whoever names that source means its universe; whoever names a folder alone is asked.
    """
    assert config.files is not None  # the configuration has seen to it
    default = load_builtin_universes()[DEFAULT_UNIVERSES["files"]]
    return _is_set(environ, SOURCE) and {*default.channels} <= {*list_held(config.files)}


def _make(config: Config, target: str, exchange: str) -> None:
    assert config.files is not None  # the configuration has seen to it
    symbol = choose_symbol(config.files, target, exchange)
    universe = add_universe(config.home, FILES_UNIVERSE, symbol, ())
    say(
        f"universe {FILES_UNIVERSE}: {symbol} on the days of {universe.exchange}, "
        f"in {config.home / UNIVERSES_FILE}"
    )


def _require_no_choice(target: str, exchange: str, why: str, remedy: str) -> None:
    if target or exchange:
        option = "--target" if target else "--exchange"
        raise ConfigurationError(
            f"{option} chooses among the files of a folder, and {why}",
            remedy=f"Leave it out, or {remedy}.",
        )


def _require_same(config: Config, target: str) -> None:
    """Raise `ConfigurationError` for a `target` that is not the one of the universe `files`."""
    held = load_universe(FILES_UNIVERSE, config.home)
    if target and held.symbol_of(target) != held.target:
        raise ConfigurationError(
            f"universe {FILES_UNIVERSE!r} forecasts {held.target}, not {target}",
            remedy=f"Forecast both: factorprism universes add NAME --target {target}, then "
            f"{UNIVERSE}=NAME.",
        )
