"""What ``factorprism files check`` says of a folder: each file read, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from factorprism.core.arrays import as_days
from factorprism.core.calendar import calendar_of
from factorprism.core.errors import ConfigurationError, FactorPrismError, SourceError
from factorprism.core.symbols import exchange_of
from factorprism.sources.files._reading import Reading, printable, read_file
from factorprism.sources.files._settings import FileSettings, load_settings, settings_of
from factorprism.sources.files.source import list_files, list_unread


@dataclass(frozen=True)
class FileVerdict:
    """One file: whether it loads, and what was recognised (empty where it was refused).

    `gaps` are sessions of the exchange between `first` and `last` without a bar, `strange` days
    with a bar that are no session, `repeated` days with more than one.
    """

    file: str
    symbol: str
    loads: bool
    recognised: str = ""
    n_rows: int = 0
    first: date | None = None
    last: date | None = None
    units: str = ""
    proof: str = ""
    gaps: tuple[date, ...] = ()
    strange: tuple[date, ...] = ()
    repeated: tuple[date, ...] = ()
    reason: str = ""
    remedy: str = ""


def check_folder(folder: Path, wanted: Sequence[str] = ()) -> list[FileVerdict]:
    """Return a verdict on each file of `folder` that is named by an instrument, by name.

    `wanted` are symbols that a name may mean without saying the exchange: AAPL for AAPL.US.
    Raises `SourceError` where `folder` or its ``files.toml`` cannot be read.
    """
    files, settings = list_files(folder, wanted), load_settings(folder)
    verdicts = [
        _check(path, symbol, paths, settings_of(settings, symbol))
        for symbol, paths in files.items()
        for path in paths
    ]
    verdicts += [
        _refuse_ending(path, symbol) for path, symbol in list_unread(folder, wanted).items()
    ]
    return sorted(verdicts, key=lambda verdict: verdict.file)


def _refuse_ending(path: Path, symbol: str) -> FileVerdict:
    return FileVerdict(
        printable(path.name),
        symbol,
        loads=False,
        reason=f"a file that ends in {printable(path.suffix)} is not read",
        remedy="Unpack it, or save it as CSV, Excel or Parquet.",
    )


def _check(path: Path, symbol: str, paths: list[Path], settings: FileSettings) -> FileVerdict:
    file = printable(path.name)
    try:
        exchange_of(symbol)
        if not path.is_file():
            raise SourceError(f"{file} is no plain file", remedy="Move it out of the folder.")
        if len(paths) > 1:
            others = " and ".join(printable(other.name) for other in paths if other != path)
            raise SourceError(
                f"{others} is of {symbol} too", remedy="Keep exactly one file a symbol."
            )
        return _describe(file, symbol, read_file(path, symbol, settings))
    except ConfigurationError:
        return FileVerdict(
            file,
            printable(symbol),
            loads=False,
            reason="the name is no instrument of a known exchange",
            remedy="Name the file by its code: 000300.SH.csv, SH000300.csv, ^GSPC.csv, "
            "AAPL.US.csv, or by its exchange too: ^FOO.XHKG.csv. The first run takes "
            "--exchange XNYS instead.",
        )
    except FactorPrismError as exc:
        reason = exc.message.removeprefix(f"{printable(path)}").lstrip(":, ")
        return FileVerdict(file, symbol, loads=False, reason=reason, remedy=exc.remedy)


def _describe(file: str, symbol: str, reading: Reading) -> FileVerdict:
    days = as_days(reading.bars["session"])
    first, last = days[0].astype(date), days[-1].astype(date)
    gaps, strange = _compare(symbol, first, last, days)
    repeated = days[:-1][days[1:] == days[:-1]]
    kinds = ", ".join(f"{role} {name}" for role, name in reading.columns.items() if name != role)
    form = ", ".join(filter(None, (reading.encoding, reading.layout)))
    return FileVerdict(
        file=file,
        symbol=symbol,
        loads=True,
        recognised="; ".join(filter(None, (form, kinds, *reading.notes))),
        n_rows=len(days),
        first=first,
        last=last,
        units=str(reading.units),
        proof=reading.units.proof,
        gaps=gaps,
        strange=strange,
        repeated=tuple(np.unique(repeated).astype(date)),
    )


def _compare(
    symbol: str, first: date, last: date, days: np.ndarray
) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Return the sessions without a bar and the bars without a session, as far as is known."""
    calendar = calendar_of(symbol)
    known = calendar.session_days
    inside = known[(known >= np.datetime64(first)) & (known <= np.datetime64(last))]
    checked = days[(days >= known[0]) & (days <= np.datetime64(calendar.known_through))]
    gaps = np.setdiff1d(inside, days)
    strange = np.setdiff1d(checked, known)
    return tuple(gaps.astype(date)), tuple(strange.astype(date))
