"""What a code says: an index or a share, and of which exchange; and the one way to write it."""

from __future__ import annotations

import fnmatch

import pytest

from factorprism.core.calendar import calendar_of
from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES
from factorprism.core.symbols import (
    bare_code,
    exchange_of,
    find_symbol,
    is_index,
    is_mainland,
    symbol_patterns,
)

RECOGNISED = {
    "000300.SH": "XSHG",
    "399006.SZ": "XSHG",
    "430047.BJ": "XSHG",
    "930050.CSI": "XSHG",
    "H30533.CSI": "XSHG",
    "0700.HK": "XHKG",
    "7203.T": "XTKS",
    "130A.T": "XTKS",
    "AAPL.US": "XNYS",
    "BRK.B.US": "XNYS",
    "VOD.L": "XLON",
    "SAP.DE": "XETR",
    "MC.PA": "XPAR",
    "RY.TO": "XTSE",
    "BHP.AX": "XASX",
    "SAP.XNYS": "XNYS",
    "2222.XSAU": "XSAU",
    "^GSPC": "XNYS",
    "^IXIC": "XNYS",
    "^DJI": "XNYS",
    "^NDX": "XNYS",
    "^RUT": "XNYS",
    "^VIX": "XNYS",
    "^HSI": "XHKG",
    "^N225": "XTKS",
    "^FTSE": "XLON",
    "^GDAXI": "XETR",
    "^JKSE.XIDX": "XIDX",
}


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("000300.SH", True),
        ("000001.SH", True),
        ("000001.SZ", False),
        ("399006.SZ", True),
        ("880001.SH", True),
        ("930955.SH", True),
        ("510300.SH", False),
        ("601398.SH", False),
        ("^GSPC", True),
        ("^FOO.XHKG", True),
        ("930050.CSI", True),
        ("H30533.CSI", True),
        ("899050.BJ", True),
        ("430047.BJ", False),
        ("0700.HK", False),
        ("AAPL.US", False),
    ],
)
def test_the_code_tells_an_index_from_a_share(symbol: str, expected: bool) -> None:
    assert is_index(symbol) is expected


@pytest.mark.parametrize(("symbol", "exchange"), RECOGNISED.items())
def test_a_code_tells_its_exchange(symbol: str, exchange: str) -> None:
    assert exchange_of(symbol) == exchange
    assert calendar_of(symbol).exchange == exchange
    assert find_symbol(symbol) in (symbol, symbol.replace(".XNYS", ".US"))


@pytest.mark.parametrize(
    "symbol", ["AAPL", "BRK.B", "HS300", "000300", "^FOO", "^JKSE", "X.T", "700.HK.", ".SH", ""]
)
def test_a_code_that_does_not_tell_its_exchange_is_refused_with_what_to_write(symbol: str) -> None:
    with pytest.raises(ConfigurationError, match="no known exchange") as caught:
        exchange_of(symbol)
    assert 'exchange = "XNYS"' in caught.value.remedy
    with pytest.raises(ConfigurationError):
        find_symbol(symbol)


@pytest.mark.parametrize(
    ("text", "exchange", "symbol"),
    [
        ("AAPL", "XNYS", "AAPL.US"),
        ("AAPL", "NASDAQ", "AAPL.US"),
        ("AAPL.XNAS", "", "AAPL.US"),
        ("BRK.B", "XNYS", "BRK.B.US"),
        ("BRK-B", "XNYS", "BRK.B.US"),
        ("SAP", "XETR", "SAP.DE"),
        ("SAP", "XNYS", "SAP.US"),
        ("SAP", "XFRA", "SAP.XFRA"),
        ("700", "XHKG", "0700.HK"),
        ("00700.HK", "", "0700.HK"),
        ("0700.XHKG", "", "0700.HK"),
        ("80700", "HKEX", "80700.HK"),
        ("7203", "XTKS", "7203.T"),
        ("000300.XSHG", "", "000300.SH"),
        ("600519.SS", "", "600519.SH"),
        ("399006", "SZSE", "399006.SZ"),
        ("BT-A.L", "", "BT-A.L"),
        ("399006.XSHE", "", "399006.SZ"),
        ("399006", "XSHE", "399006.SZ"),
        ("000300.SH", "XHKG", "000300.SH"),
        ("^GSPC", "XHKG", "^GSPC"),
        ("^HSI.XHKG", "", "^HSI"),
        ("^FOO", "XHKG", "^FOO.XHKG"),
        ("^FOO.XHKG", "XNYS", "^FOO.XHKG"),
    ],
)
def test_every_spelling_of_an_instrument_is_one_symbol(
    text: str, exchange: str, symbol: str
) -> None:
    assert find_symbol(text, exchange) == symbol
    assert find_symbol(symbol, exchange) == symbol


@pytest.mark.parametrize(
    ("text", "exchange", "said", "remedy"),
    [
        ("000001", "XSHG", "which exchange of the mainland", "000001.SZ"),
        ("AAPL", "XTAE", "cannot build", "XNYS"),
        ("ESTA.XTAE", "", "cannot build", "XNYS"),
        ("AAPL", "XNYSE", "no trading calendar", "XNYS"),
        ("A A", "XNYS", "cannot be used", "AAPL.US"),
        ("../x.SH", "", "cannot be used", "AAPL.US"),
        ("x%.SH", "", "cannot be used", "AAPL.US"),
    ],
)
def test_what_is_no_symbol_is_refused(text: str, exchange: str, said: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        find_symbol(text, exchange)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("symbol", "code"),
    [("AAPL.US", "AAPL"), ("BRK.B.US", "BRK.B"), ("^GSPC", "^GSPC"), ("^FOO.XHKG", "^FOO")],
)
def test_a_symbol_without_its_exchange_is_the_code(symbol: str, code: str) -> None:
    assert bare_code(symbol) == code


def test_amounts_are_in_cny_on_the_mainland_alone() -> None:
    assert [symbol for symbol in RECOGNISED if is_mainland(symbol)] == list(RECOGNISED)[:4]


@pytest.mark.parametrize("symbol", [*RECOGNISED, "000001.SH", "X.SH", "^SOX"])
def test_the_warehouse_finds_a_symbol_under_its_exchange_and_no_other(symbol: str) -> None:
    found = [
        exchange
        for exchange in EXCHANGES
        for pattern in symbol_patterns(exchange)
        if fnmatch.fnmatchcase(symbol, pattern.replace("%", "*"))
    ]
    assert found == [exchange_of(symbol)]
