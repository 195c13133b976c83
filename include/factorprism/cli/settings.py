"""``factorprism config``: every setting, what it is, what it would be, and where to set it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from itertools import groupby

from rich.console import Console
from rich.table import Table

from factorprism.cli.tables import write_json
from factorprism.core.config import Setting, describe_settings, name_unknown

WIDE = 110  # columns
WIDEST_NAME = 38  # so that the groups' tables stand in line


def print_settings(*, as_json: bool) -> int:
    """Print every setting, secrets as asterisks; return the exit status.

    Unknown names are reported on stderr, and keep nothing from being printed.
    """
    for name, remedy in name_unknown(os.environ).items():
        print(f"warning: unknown setting {name}. {remedy}", file=sys.stderr)
    settings = list(describe_settings(os.environ))
    if as_json:
        write_json([asdict(setting) for setting in settings])
    else:
        print_table(settings)
    return 0


def print_table(settings: list[Setting]) -> None:
    """Print one table a group, what is set in bold; meanings where the screen is wide enough."""
    console = Console()
    names = ["value", "default", *(["meaning"] if console.width >= WIDE else [])]
    for group, rows in groupby(settings, key=lambda setting: setting.group):
        table = Table(title=group, title_justify="left", box=None, pad_edge=False, expand=True)
        table.add_column("variable", no_wrap=True, min_width=WIDEST_NAME)
        for name in names:
            table.add_column(name, overflow="fold", ratio=1)
        for row in rows:
            cells = [str(getattr(row, name)) for name in names]
            table.add_row(row.variable, *cells, style="bold" if row.is_set else "")
        console.print(table)
        console.print()
