"""What every benchmark shares: its row, interleaved timing and the printed table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure beside its peer's.

    `measured` is in `unit`; `ratio` relates it to `peer`, and `bound` says in words what the
    ratio must keep (``<= 30``); `holds` tells whether it does.
    """

    name: str
    measured: float
    unit: str
    peer: str
    ratio: float
    bound: str
    holds: bool


def interleave(callables: Mapping[str, Callable[[], object]], repeats: int = 7) -> dict[str, float]:
    """Return each callable's least wall time in seconds.

    One untimed round warms up; then every round runs all of them in turn. Whatever else the machine
    does only adds time, so that the fastest of many is nearest to what the work itself takes.
    """
    seconds: dict[str, list[float]] = {name: [] for name in callables}
    for turn in range(repeats + 1):
        for name, call in callables.items():
            start = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in seconds.items()}


def print_table(rows: Sequence[Row]) -> None:
    """Print `rows` as aligned columns, a verdict at the end of each."""
    head = ("what", "measured", "peer", "ratio", "bound", "")
    cells = [
        (
            row.name,
            f"{row.measured:.4g} {row.unit}",
            row.peer,
            f"{row.ratio:.3g}x",
            row.bound,
            "holds" if row.holds else "MISSED",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    for line in (head, *cells):
        pairs = zip(line, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in pairs).rstrip())
