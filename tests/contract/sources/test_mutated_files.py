"""Ten thousand damaged files: none ends in an unexpected error, none loads another value.

A damaged file loads, or it is refused by name, line and column. What loads is what the whole file
held; one damaged cell that still reads as a number or a date is the gate's to find.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contract.sources.published_styles import STYLES, draw_bars
from factorprism.core.errors import SourceError
from factorprism.market.bars import BAR_VALUES
from factorprism.sources.files import read_file

SYMBOL = "000300.SH"
N_FILES = 10_000
N_ROWS = 24
SEED = 20260112
MUTATED_STYLES = [
    "house",
    "wind",
    "choice",
    "ths",
    "tdx",
    "netease",
    "eastmoney_yi",
    "sina",
    "baostock",
    "tushare",
    "yahoo",
    "yfinance",
    "investing_en",
    "excel_serials",
    "epoch",
]
OPTIONAL = ("amount_cny", "pre_close", "pct_chg")
STRANGE = b"\x00\x09\x0a\x0d\x20\x22\x27,-.;0123456789:Eek%\x7f\x80\xb2\xe9\xff"
# Refusals of a file as a whole: there is no line to name.
OF_THE_WHOLE = ("the file is empty", "the file has no rows", "the units cannot be proved")


@dataclass(frozen=True)
class Original:
    path: Path
    data: bytes
    bars: pd.DataFrame
    columns: tuple[str, ...]


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path: Path) -> None:
    originals = write_originals(tmp_path)
    rng = np.random.default_rng(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(N_FILES):
        original = originals[number % len(originals)]
        kind, damaged = mutate(original.data, rng)
        original.path.write_bytes(damaged)
        outcome = check(original, kind, damaged)
        outcomes[outcome] += 1
    print("\n" + "\n".join(f"{count:6,} {name}" for name, count in outcomes.most_common()))
    assert outcomes.total() == N_FILES
    # The damage must bite, and not everything that is damaged may be refused.
    assert outcomes["refused at a line"] > N_FILES // 4
    assert outcomes["loaded, nothing changed"] > N_FILES // 50


def write_originals(folder: Path) -> list[Original]:
    bars = draw_bars(N_ROWS)
    originals = []
    for style in STYLES:
        if style.name in MUTATED_STYLES:
            path = folder / f"{style.name}.csv"
            style.write(path, bars)
            reading = read_file(path, SYMBOL)
            names = tuple(reading.columns.values())
            originals.append(Original(path, path.read_bytes(), reading.bars, names))
    assert len(originals) == len(MUTATED_STYLES)
    return originals


def mutate(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Return `data` with one damage, and whether that is of a byte, of the end or of a stretch."""
    kinds = ("flip", "replace", "insert", "delete", "truncate", "cut out", "repeat", "swap")
    kind = str(rng.choice(kinds, p=(0.2, 0.2, 0.1, 0.1, 0.2, 0.1, 0.05, 0.05)))
    at = int(rng.integers(len(data)))
    until = min(len(data), at + int(rng.integers(1, 120)))
    strange = bytes([STRANGE[int(rng.integers(len(STRANGE)))]])
    if kind == "flip":
        return "byte", data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if kind == "replace":
        return "byte", data[:at] + strange + data[at + 1 :]
    if kind == "insert":
        return "byte", data[:at] + strange + data[at:]
    if kind == "delete":
        return "byte", data[:at] + data[at + 1 :]
    if kind == "truncate":
        return "end", data[:at]
    if kind == "cut out":
        return "stretch", data[:at] + data[until:]
    if kind == "repeat":
        return "stretch", data[:until] + data[at:until] + data[until:]
    return "stretch", data[:at] + data[until : until + 9] + data[at:until] + data[until + 9 :]


def check(original: Original, kind: str, damaged: bytes) -> str:
    try:
        bars = read_file(original.path, SYMBOL).bars
    except SourceError as error:
        return check_refusal(original, error)
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} for {damaged!r}") from error
    # An optional column whose name is damaged is not read, and missing throughout.
    read = [name for name in BAR_VALUES if name not in OPTIONAL or bars[name].notna().any()]
    whole = original.bars[["session", *read]]
    changes = count_changes(whole, bars)
    changed = int((changes > 0).sum())
    # A stretch touches the rows at its two ends, and one more where it was moved.
    assert changed <= {"byte": 1, "end": 0, "stretch": 3}[kind], (kind, bars[changes > 0], damaged)
    assert kind == "stretch" or changes.sum() == changed, (kind, bars[changes > 0], damaged)
    if changed:
        return f"loaded, {kind} damaged that still reads"
    return "loaded, nothing changed"


def check_refusal(original: Original, error: SourceError) -> str:
    message = error.message
    assert message.startswith(str(original.path)), message
    assert error.remedy or "empty" in message or "no rows" in message, message
    if re.match(rf"{re.escape(str(original.path))}: ", message):
        assert any(words in message for words in OF_THE_WHOLE), message
        return "refused as a whole"
    assert re.match(rf"{re.escape(str(original.path))}, line \d+: ", message), message
    named = [
        name for name in (*original.columns, "character", "column", "header") if name in message
    ]
    assert named, message
    return "refused at a line"


def count_changes(originals: pd.DataFrame, bars: pd.DataFrame) -> np.ndarray:
    """Return in how many cells, its day among them, each of `bars` differs from the nearest."""
    whole, read = (
        frame.to_numpy(dtype="float64")
        for frame in (_numeric(originals), _numeric(bars[list(originals.columns)]))
    )
    same = (whole == read[:, None]) | (np.isnan(whole) & np.isnan(read[:, None]))
    return np.asarray((~same).sum(axis=2).min(axis=1))


def _numeric(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(session=frame["session"].astype("int64"))
