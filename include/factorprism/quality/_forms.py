"""What the frames of pulls are made of, measured before anything else can be measured on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.market.bars import BAR_COLUMNS, BAR_VALUES, Pull

# Stand in place of a type.
NO_COLUMN = "absent"
NO_DAY = "a day for some rows only"


def measure_forms(pulls: Sequence[Pull]) -> pd.DataFrame:
    """Return one row for each pull: how many rows and absent columns, and each column's type."""
    return pd.DataFrame([_measure_form(pull.bars) for pull in pulls])


def _measure_form(bars: pd.DataFrame) -> dict[str, object]:
    types = dict(zip(bars.columns, bars.dtypes, strict=True))
    kinds = {name: _tell_type(types[name]) if name in types else NO_COLUMN for name in BAR_COLUMNS}
    if kinds["session"] == "datetime64" and bars["session"].isna().any():
        kinds["session"] = NO_DAY
    absent = find_absent(bars)
    return {
        "row_count": len(bars),
        "absent_columns": len(absent),
        "columns": tell_columns(bars.columns, absent),
        **{f"{name}_type": kind for name, kind in kinds.items()},
    }


def _tell_type(kind: Any) -> str:
    return str(kind.type.__name__).rstrip("_")


def tell_columns(columns: Iterable[object], absent: Sequence[str]) -> str:
    """Return which columns are absent, or which there are where none is."""
    if absent:
        return f"without {', '.join(absent)}"
    return ", ".join(sorted(map(str, columns)))


def find_absent(bars: pd.DataFrame) -> list[str]:
    """Return the columns of a bar frame that `bars` lacks, by name."""
    return sorted(set(BAR_COLUMNS) - set(bars.columns))


def list_owners(pulls: Sequence[Pull]) -> pd.DataFrame:
    """Return one row for each row of `pulls`: its day, its symbol, and whether that was asked for.

    Pulls without a column for the symbol are left out; what is no day is NaT.
    """
    numbered = [(index, pull) for index, pull in enumerate(pulls) if "symbol" in pull.bars]
    n_rows = [len(pull.bars) for _, pull in numbered]
    asked = np.repeat(np.array([pull.symbol for _, pull in numbered], object), n_rows)
    symbols = [pull.bars["symbol"].to_numpy(object) for _, pull in numbered]
    days = [_read_days(pull.bars) for _, pull in numbered]
    given = np.concatenate([np.empty(0, object), *symbols])
    return pd.DataFrame(
        {
            "subject": np.repeat([index for index, _ in numbered], n_rows).astype(np.int64),
            "session": np.concatenate([np.empty(0, "datetime64[us]"), *days]),
            "symbol": given,
            "is_own_symbol": given == asked,
        }
    )


def _read_days(bars: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    if "session" not in bars:
        return np.full(len(bars), "NaT", "datetime64[us]")
    return pd.to_datetime(bars["session"], errors="coerce").to_numpy("datetime64[us]")


def join_bars(pulls: Sequence[Pull]) -> pd.DataFrame:
    """Return the values of sound `pulls` as one frame, ascending by (`subject`, `session`)."""
    frames = [pull.bars for pull in pulls]
    days = [frame["session"].to_numpy("datetime64[us]") for frame in frames]
    subject = np.repeat(np.arange(len(pulls)), [len(frame) for frame in frames])
    order = np.lexsort((np.concatenate(days), subject))
    columns = {
        name: np.concatenate([frame[name].to_numpy(np.float64) for frame in frames])[order]
        for name in BAR_VALUES
    }
    return pd.DataFrame(
        {"subject": subject[order], "session": np.concatenate(days)[order], **columns}
    )
