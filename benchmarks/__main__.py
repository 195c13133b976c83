"""Run every benchmark and print one table: ``make bench``, or some of them by name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from _table import Row, print_table


def main() -> None:
    """Run ``bench_*.py`` (those named as arguments, else all) and print their rows together."""
    known = sorted(
        path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
    )
    wanted = sys.argv[1:] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}; there are {', '.join(known)}")
    rows: list[Row] = []
    for name in wanted:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench_{name}").run()
    print_table(rows)
    sys.exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    main()
