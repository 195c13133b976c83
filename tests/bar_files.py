"""Bars written as a user's own file has them, for the source `files`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def write_bars(folder: Path, bars: pd.DataFrame) -> Path:
    """Write the bars of one symbol into `folder`, which is made; return the file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{bars['symbol'].iloc[0]}.csv"
    columns = {
        "trade_date": bars["session"].dt.strftime("%Y-%m-%d"),
        **{name: bars[name] for name in ("open", "high", "low", "close")},
        "volume": bars["volume_shares"],
        "amount": bars["amount_cny"],
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return path
