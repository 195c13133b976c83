"""What an instrument is and where it trades, recognised by its code alone. Imports nothing heavy.

A symbol names one instrument of one exchange, whoever reads it: `exchange_of` needs no setting.
Codes are written as Yahoo and tushare write them. What no code plan tells is written with the
exchange's own code, ``^FOO.XHKG``; `find_symbol` makes a symbol of what a person has typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES, find_exchange, names_exchange

_EUROPEAN = r"[0-9A-Z]{1,5}(-[0-9A-Z]{1,2})?"
# The part behind the last dot, the exchange whose days it means, and the codes that it stands
# behind. Beijing trades on the mainland's days, and so do the indices that CSI computes.
_SUFFIXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "SH": ("XSHG", ".+"),
        "SZ": ("XSHG", ".+"),
        "BJ": ("XSHG", r"\d{6}"),
        "CSI": ("XSHG", r"\d{6}|[A-Z]\d{5}"),
        "HK": ("XHKG", r"\d{4,5}"),
        "T": ("XTKS", r"\d[0-9A-Z]{3}"),
        "US": ("XNYS", r"[A-Z]{1,5}([.-][A-Z]{1,2})?"),
        "L": ("XLON", _EUROPEAN),
        "DE": ("XETR", _EUROPEAN),
        "PA": ("XPAR", _EUROPEAN),
        "AS": ("XAMS", _EUROPEAN),
        "MI": ("XMIL", _EUROPEAN),
        "SW": ("XSWX", _EUROPEAN),
        "TO": ("XTSE", r"[0-9A-Z]{1,5}(-[A-Z]{1,2})?"),
        "AX": ("XASX", "[0-9A-Z]{3,5}"),
        "KS": ("XKRX", r"\d{5}[0-9A-Z]"),
        "TW": ("XTAI", r"\d{4,6}[A-Z]?"),
        "BO": ("XBOM", r"\d{6}|[A-Z]{1,12}"),
    }
)
# Indices under their codes at Yahoo; any other one is written with its exchange.
_INDICES: Mapping[str, str] = MappingProxyType(
    {
        symbol: exchange
        for exchange, symbols in {
            "XNYS": "^GSPC ^IXIC ^DJI ^NDX ^RUT ^VIX ^NYA ^OEX ^MID ^SOX ^DJT ^DJU ^RUA ^RUI ^XAX",
            "XHKG": "^HSI ^HSCE",
            "XTKS": "^N225",
            "XLON": "^FTSE ^FTMC",
            "XETR": "^GDAXI ^MDAXI ^TECDAX",
            "XPAR": "^FCHI",
            "XAMS": "^AEX",
            "XSWX": "^SSMI",
            "XMAD": "^IBEX",
            "XTSE": "^GSPTSE",
            "XASX": "^AXJO ^AORD",
            "XKRX": "^KS11 ^KQ11",
            "XTAI": "^TWII",
            "XBOM": "^BSESN",
            "XSES": "^STI",
            "BVMF": "^BVSP",
        }.items()
        for symbol in symbols.split()
    }
)
# Which suffix an exchange's name stands for where codes of several are on its days.
_SUFFIX_OF_NAME = {"XSHG": "SH", "SSE": "SH", "XSHE": "SZ", "SZSE": "SZ"} | {
    exchange: suffix for suffix, (exchange, _) in _SUFFIXES.items() if exchange != "XSHG"
}
_ALSO_WRITTEN = {"SS": "SH"}  # Yahoo's
# The exchanges' code plans: Shanghai's own indices, those of others that it lists, Beijing's.
INDEX_CODES = {"SH": ("000", "88", "93"), "SZ": ("399",), "BJ": ("899",), "CSI": ("",)}
_CODE = re.compile(r"[\^A-Za-z0-9][A-Za-z0-9.&=_-]{0,39}")
EXAMPLES = "000300.SH, 0700.HK, AAPL.US, ^GSPC or 7203.T"


@dataclass(frozen=True)
class _ParsedCode:
    """What a code says by itself: its exchange, by which suffix, and what stands before that."""

    exchange: str
    bare: str
    suffix: str = ""


@lru_cache(maxsize=65536)
def exchange_of(symbol: str) -> str:
    """Return the calendar code of the exchange that `symbol` trades on, such as ``XSHG``.

    Raises `ConfigurationError` for a code that does not say it.
    """
    parsed = _read(symbol)
    if parsed is None:
        raise _placeless(symbol)
    return parsed.exchange


def tells_exchange(symbol: str) -> bool:
    """Tell whether `exchange_of` knows where `symbol` trades."""
    return _read(symbol) is not None


def find_symbol(text: str, exchange: str = "") -> str:
    """Return the one symbol that `text` means; `exchange` says where, if `text` does not.

    ``AAPL`` of ``NASDAQ`` is ``AAPL.US``, ``00700`` of ``XHKG`` and ``700.XHKG`` are ``0700.HK``,
    ``^HSI`` stays; an index that is not known becomes ``^FOO.XHKG``. Raises `ConfigurationError`
    for a code that cannot be used, an exchange that is unknown, and where neither says one.
    """
    if not _CODE.fullmatch(text):
        raise ConfigurationError(
            f"symbol {text!r} cannot be used", remedy=f"Write a code, as {EXAMPLES}."
        )
    parsed = _read(text)
    if parsed is not None and not parsed.suffix:
        return text
    bare, _, name = text.rpartition(".")
    if parsed is not None or (bare and (name in _ALSO_WRITTEN or names_exchange(name))):
        return _write(bare, _ALSO_WRITTEN.get(name, name))
    if not exchange:
        raise _placeless(text)
    if exchange == "XSHG" and not text.startswith("^"):
        # Shanghai, Shenzhen and Beijing share these days, and 000001 is something in each of them.
        raise ConfigurationError(
            f"symbol {text!r} does not say which exchange of the mainland lists it",
            remedy=f"Write {text}.SH, {text}.SZ, {text}.BJ or {text}.CSI.",
        )
    return _write(text, exchange)


def bare_code(symbol: str) -> str:
    """Return `symbol` without the part that names its exchange: AAPL of AAPL.US, BRK.B, ^GSPC."""
    parsed = _read(symbol)
    return parsed.bare if parsed else symbol


def symbol_patterns(exchange: str) -> list[str]:
    """Return SQL patterns (``LIKE``) of the symbols that `exchange_of` gives to `exchange`."""
    suffixes = [suffix for suffix, (name, _) in _SUFFIXES.items() if name == exchange]
    indices = [symbol for symbol, name in _INDICES.items() if name == exchange]
    return [*(f"%.{suffix}" for suffix in suffixes), f"%.{exchange}", *indices]


def is_index(symbol: str) -> bool:
    """Tell an index, whose volume is that of many shares, from a share or a fund.

    ``^`` symbols, 000xxx.SH, 88xxxx.SH, 93xxxx.SH, 399xxx.SZ, 899xxx.BJ and all of CSI are indices.
    """
    if symbol.startswith("^"):
        return True
    code, _, suffix = symbol.partition(".")
    return code.startswith(INDEX_CODES.get(suffix, ()))


def is_mainland(symbol: str) -> bool:
    """Tell an instrument whose prices and amounts are in CNY, those of mainland China.

    An index of CSI whose code begins with a letter holds shares of other markets.
    """
    parsed = _read(symbol)
    return parsed is not None and parsed.exchange == "XSHG" and not symbol[:1].isalpha()


@lru_cache(maxsize=65536)
def _read(symbol: str) -> _ParsedCode | None:
    if symbol in _INDICES:
        return _ParsedCode(_INDICES[symbol], symbol)
    bare, _, suffix = symbol.rpartition(".")
    if not bare:
        return None
    if suffix in EXCHANGES:
        return _ParsedCode(suffix, bare, suffix)
    exchange, codes = _SUFFIXES.get(suffix, ("", ""))
    return _ParsedCode(exchange, bare, suffix) if exchange and re.fullmatch(codes, bare) else None


def _placeless(symbol: str) -> ConfigurationError:
    return ConfigurationError(
        f"symbol {symbol!r} belongs to no known exchange",
        remedy=f"Write it with its exchange, as {EXAMPLES}, or say in its universe where it "
        'trades: exchange = "XNYS".',
    )


def _write(bare: str, name: str) -> str:
    """Return the one way to write the code `bare` of the suffix or exchange `name`."""
    if name in _SUFFIXES:
        suffix, exchange = name, _SUFFIXES[name][0]
    else:
        exchange = find_exchange(name).code
        suffix = _SUFFIX_OF_NAME.get(name, _SUFFIX_OF_NAME.get(exchange, ""))
    if suffix == "HK" and bare.isdigit():
        bare = bare.lstrip("0").zfill(4)
    if suffix == "US":
        bare = bare.replace("-", ".")  # Yahoo's BRK-B
    if _INDICES.get(bare) == exchange:
        return bare
    short = f"{bare}.{suffix}"
    parsed = _read(short) if suffix and not bare.startswith("^") else None
    return short if parsed else f"{bare}.{exchange}"
