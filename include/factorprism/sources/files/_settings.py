"""``files.toml``: what a folder's owner says about its files, where the files cannot prove it."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factorprism.core.errors import MalformedResponse, SourceError
from factorprism.sources.files._codes import symbol_of_stem
from factorprism.sources.files._names import ROLES

SETTINGS_FILE = "files.toml"
DEFAULT = "default"
KEYS = ("adjusted", "columns", "decimal", "encoding", "units")
DECIMAL_SIGNS = (",", ".")
SHARE_UNITS: Mapping[str, float] = {"shares": 1.0, "lots": 100.0, "10000 shares": 1e4}
CNY_UNITS: Mapping[str, float] = {
    "CNY": 1.0,
    "thousand CNY": 1e3,
    "10000 CNY": 1e4,
    "million CNY": 1e6,
    "100 million CNY": 1e8,
}
UNITS: Mapping[str, Mapping[str, float]] = {"volume": SHARE_UNITS, "amount": CNY_UNITS}


@dataclass(frozen=True)
class FileSettings:
    """What is said of one file; None is nothing said.

    `columns` are its names by role, `shares` and `cny` what one unit of volume and amount is worth,
    `decimal` the decimal sign, and `adjusted` tells of what kind its prices are.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    shares: float | None = None
    cny: float | None = None
    adjusted: bool | None = None
    decimal: str | None = None


def load_settings(folder: Path) -> dict[str, FileSettings]:
    """Return the settings in `folder` by symbol, and under `DEFAULT` those of all other files.

    Raises `MalformedResponse` for what cannot be read or is unknown, naming what is allowed.
    """
    path = folder / SETTINGS_FILE
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise SourceError(f"{path} cannot be opened: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise MalformedResponse(
            f"{path} is no TOML: {exc}", remedy=f"A line reads: {render_line('000300.SH', {})}"
        ) from exc
    merged = _merge(tables, path)
    return {name: _parse(table, path, name) for name, table in merged.items()}


def settings_of(settings: Mapping[str, FileSettings], symbol: str) -> FileSettings:
    """Return what is said of `symbol`, else of all files."""
    return settings.get(symbol) or settings.get(DEFAULT) or FileSettings()


def render_line(symbol: str, said: Mapping[str, Any]) -> str:
    """Return the one line of ``files.toml`` that says `said` of `symbol`."""
    said = said or {"units": {"volume": "lots", "amount": "CNY"}}
    return f"{_render(symbol)} = {_render(said)}"


def describe(settings: FileSettings, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` as ``files.toml`` writes them, with `more` said."""
    units = {
        kind: next((name for name, size in UNITS[kind].items() if size == value), value)
        for kind, value in (("volume", settings.shares), ("amount", settings.cny))
        if value is not None
    }
    said: dict[str, Any] = {
        "adjusted": settings.adjusted,
        "columns": dict(settings.columns) or None,
        "decimal": settings.decimal,
        "encoding": settings.encoding,
        "units": units or None,
    }
    kept = {key: value for key, value in said.items() if value is not None}
    for key, value in more.items():
        kept[key] = {**kept.get(key, {}), **value} if isinstance(value, Mapping) else value
    return kept


def _merge(tables: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise _wrong(path, name, table, f"A line reads: {render_line('000300.SH', {})}")
    default = tables.get(DEFAULT, {})
    named = {
        symbol_of_stem(name) if name != DEFAULT else name: table for name, table in tables.items()
    }
    return {name: {**default, **table} for name, table in named.items()}


def _parse(table: Mapping[str, Any], path: Path, name: str) -> FileSettings:
    _require_known(table, KEYS, path, name)
    columns, units = table.get("columns", {}), table.get("units", {})
    adjusted, encoding = table.get("adjusted"), table.get("encoding")
    decimal = table.get("decimal")
    if not _is_names(columns):
        raise _wrong(path, f"{name}.columns", columns, 'It reads { close = "its name there" }.')
    _require_known(columns, ROLES, path, f"{name}.columns")
    if not isinstance(units, dict):
        raise _wrong(path, f"{name}.units", units, 'It reads { volume = "lots" }.')
    _require_known(units, tuple(UNITS), path, f"{name}.units")
    if adjusted is not None and not isinstance(adjusted, bool):
        raise _wrong(path, f"{name}.adjusted", adjusted, "It is true or false.")
    if encoding is not None and not _is_encoding(encoding):
        raise _wrong(
            path, f"{name}.encoding", encoding, "It is utf-8, gb18030, utf-16 or the like."
        )
    if decimal is not None and decimal not in DECIMAL_SIGNS:
        raise _wrong(path, f"{name}.decimal", decimal, 'It is "," or ".".')
    sizes = {kind: _parse_unit(kind, units.get(kind), path, name) for kind in UNITS}
    return FileSettings(columns, encoding, sizes["volume"], sizes["amount"], adjusted, decimal)


def _parse_unit(kind: str, value: Any, path: Path, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in UNITS[kind]:
        return UNITS[kind][value]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12:
        return float(value)
    allowed = ", ".join(f'"{unit}"' for unit in UNITS[kind])
    raise _wrong(
        path, f"{name}.units.{kind}", value, f"It is {allowed}, or what one unit is worth."
    )


def _require_known(
    table: Mapping[str, Any], allowed: tuple[str, ...], path: Path, name: str
) -> None:
    unknown = sorted(set(table) - set(allowed))
    if unknown:
        raise MalformedResponse(
            f"{path}: {name} has {unknown[0]!r}, which is unknown",
            remedy=f"Allowed are {', '.join(sorted(allowed))}.",
        )


def _is_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value.values())


def _is_encoding(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance("".encode(codecs.lookup(value).name), bytes)
    except (LookupError, ValueError):
        return False


def _wrong(path: Path, name: str, value: Any, remedy: str) -> MalformedResponse:
    return MalformedResponse(f"{path}: {name} is {value!r}", remedy=remedy)


def _render(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_render_key(key)} = {_render(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"{value:.15g}"


def _render_key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else _render(key)
