"""Reads one file of the files source into a bar frame, or says in which line it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from factorprism.core.errors import EmptyResponse, MalformedResponse, SourceError
from factorprism.core.schemas import make_bars

NAMES = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume_shares",
    "amount": "amount_cny",
}
OPTIONAL = {"pre_close": "pre_close", "pct_chg": "pct_chg"}
DATE_FORM = r"\d{8}|\d{4}-\d{2}-\d{2}"


def read_bars(path: Path, symbol: str) -> pd.DataFrame:
    """Return the bars of `path` as a bar frame of `symbol`; rows stay as they are, in date order.

    Raises `MalformedResponse` for absent columns and for a date or number that cannot be read,
    `EmptyResponse` for a file without rows, `SourceError` for one that cannot be opened.
    """
    frame = _read_text(path)
    absent = [name for name in ("trade_date", *NAMES) if name not in frame]
    if absent:
        raise MalformedResponse(
            f"{path}: columns {', '.join(absent)} are missing",
            remedy=f"It has {', '.join(map(str, frame.columns))}.",
        )
    frame = frame.dropna(how="all")
    if frame.empty:
        raise EmptyResponse(f"{path}: the file has no rows")
    given = NAMES | {name: to for name, to in OPTIONAL.items() if name in frame}
    columns = {to: _parse_numbers(frame[name], path) for name, to in given.items()}
    sessions = _parse_dates(frame["trade_date"], path)
    return make_bars(pd.DataFrame({"symbol": symbol, "session": sessions, **columns}))


def _read_text(path: Path) -> pd.DataFrame:
    """Return `path` with every cell as text or NaN, indexed by line (csv) or row (parquet)."""
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            if "trade_date" in frame:
                frame["trade_date"] = _as_day_text(frame["trade_date"])
            frame.index = pd.RangeIndex(1, len(frame) + 1)
            return frame
        # Blank lines are kept so that an index counts lines as an editor does.
        frame = pd.read_csv(path, dtype="str", encoding="utf-8-sig", skip_blank_lines=False)
    except pd.errors.EmptyDataError:
        raise EmptyResponse(f"{path}: the file is empty") from None
    except (ValueError, pd.errors.ParserError) as exc:
        raise MalformedResponse(f"{path} cannot be read: {exc}") from exc
    except OSError as exc:
        raise SourceError(f"{path} cannot be opened: {exc.strerror or exc}") from exc
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return frame.rename(columns=lambda name: str(name).strip())


def _as_day_text(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    return column.where(column.isna(), column.astype("str"))


def _parse_dates(column: pd.Series, path: Path) -> pd.Series:
    text = column.astype("str").str.strip().str.replace(r"[ T]00:00:00$", "", regex=True)
    known = text.str.fullmatch(DATE_FORM).fillna(False).astype(bool)
    days = pd.to_datetime(text.str.replace("-", "").where(known), format="%Y%m%d", errors="coerce")
    _refuse_first(column, days.isna(), path, "is no date as 2020-01-31 or 20200131")
    return days


def _parse_numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    unread = (numbers.isna() & column.notna()) | np.isinf(numbers)
    _refuse_first(column, unread, path, "is no finite number")
    return numbers


def _refuse_first(column: pd.Series, wrong: pd.Series, path: Path, why: str) -> None:
    if not wrong.any():
        return
    position = int(wrong.to_numpy().argmax())
    line, cell = column.index[position], column.iloc[position]
    unit = "row" if path.suffix == ".parquet" else "line"
    value = "an empty cell" if pd.isna(cell) else repr(cell)
    raise MalformedResponse(
        f"{path}, {unit} {line}: {column.name} {value} {why}",
        remedy=f"{int(wrong.sum())} of {len(column)} values of this column cannot be read.",
    )
