"""The vendor's server with bars of the tests' own: a table a symbol, as the server reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from protocol.tushare_server import TOKEN, TushareServer


def table_of(bars: pd.DataFrame) -> pd.DataFrame:
    """Return a bar frame as the server's files have it, with an amount beside each volume."""
    return pd.DataFrame(
        {
            "trade_date": bars["session"].dt.strftime("%Y-%m-%d"),
            **{name: bars[name] for name in ("open", "high", "low", "close")},
            "volume": bars["volume_shares"],
            "amount": bars["volume_shares"] * bars["close"] / 300.0,
        }
    )


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    for symbol, table in tables.items():
        table.to_csv(folder / f"{symbol}.csv", index=False)


@contextmanager
def serve(tables: Mapping[str, pd.DataFrame], token: str = TOKEN) -> Iterator[TushareServer]:
    """Open the vendor's server on `tables`, one a symbol; none of them is a vendor without bars."""
    with tempfile.TemporaryDirectory(prefix="factorprism-served-") as folder:
        write_tables(Path(folder), tables)
        server = TushareServer(Path(folder), token=token)
    with server:
        yield server
