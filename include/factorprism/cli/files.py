"""``factorprism files check``: what each file of a folder is taken for, and whether it loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from factorprism.cli.tables import write_json
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError, EmptyResponse
from factorprism.core.universe import load_builtin_universes, load_universes
from factorprism.core.words import count
from factorprism.sources.files import FileVerdict, check_folder

DAYS_NAMED = 3


def check_files(folder: Path, *, as_json: bool) -> int:
    """Print a verdict on each file of `folder`; 0 when all would load, 1 when any would not.

    Nothing is written. Raises `SourceError` where `folder` cannot be read or holds no such file.
    """
    verdicts = check_folder(folder, _find_wanted())
    if not verdicts:
        raise EmptyResponse(
            f"{folder} has no files of bars",
            remedy="A file is named by its code: 000300.SH.csv, SH000300.txt, ^GSPC.parquet.",
        )
    if as_json:
        write_json([asdict(verdict) for verdict in verdicts])
    else:
        _print_table(verdicts)
    return 0 if all(verdict.loads for verdict in verdicts) else 1


def _find_wanted() -> list[str]:
    """Return the symbols of all universes, or of the built-in ones where no setting can be read.

    The check is of the folder: what else is wrong is reported by whatever needs it.
    """
    try:
        universes = load_universes(load_config(os.environ).home)
    except ConfigurationError:
        universes = load_builtin_universes()
    return [symbol for one in universes.values() for symbol in one.channels]


def _print_table(verdicts: Sequence[FileVerdict]) -> None:
    table = Table(title=None, show_edge=False, pad_edge=False, show_lines=True)
    for name in ("file", "verdict"):
        table.add_column(name, overflow="fold")
    table.add_column("range", min_width=10)
    for name in ("units, and their proof", "gaps", "recognised"):
        table.add_column(name, overflow="fold")
    for verdict in verdicts:
        table.add_row(
            verdict.file,
            "loads" if verdict.loads else "refused",
            f"{verdict.first} to {verdict.last}, {count(verdict.n_rows, 'row')}"
            if verdict.first
            else "-",
            f"{verdict.units}: {verdict.proof}" if verdict.units else "-",
            _gaps(verdict) if verdict.loads else "-",
            verdict.recognised or verdict.reason,
        )
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(table)
    for verdict in verdicts:
        if not verdict.loads:
            # Outside the table, so that a line for files.toml is copied in one piece.
            print(f"\n{verdict.file}: {verdict.reason}\n{verdict.remedy}")
    refused = sum(not verdict.loads for verdict in verdicts)
    print(f"\n{len(verdicts) - refused} of {len(verdicts)} files load")


def _gaps(verdict: FileVerdict) -> str:
    """Say which sessions are absent, and which days stand there that ought not to."""
    found = {
        "absent": verdict.gaps,
        "no sessions": verdict.strange,
        "more than once": verdict.repeated,
    }
    said = [f"{len(days)} {what}: {_name(days)}" for what, days in found.items() if days]
    return "; ".join(said) or "none"


def _name(days: Sequence[date]) -> str:
    named = ", ".join(str(day) for day in days[:DAYS_NAMED])
    return f"{named}, ..." if len(days) > DAYS_NAMED else named
