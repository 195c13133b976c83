"""How a stage says that it cannot read a file; the reader adds the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN_LENGTH = 40
EXPORT_AGAIN = "Fetch or export the file again."


class FileRefused(Exception):
    """A file that cannot be read: `why`, at which `line` (or row) if at one, and the `remedy`.

    `ask` is what the folder's owner may say in ``files.toml`` to have it read; the reader ends
    the remedy with that line. `empty` tells a file without rows from one with rows that are wrong.
    """

    def __init__(
        self,
        why: str,
        *,
        line: int | None = None,
        remedy: str = "",
        empty: bool = False,
        ask: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.line = line
        self.remedy = remedy
        self.empty = empty
        self.ask = ask


def unreadable(exc: Exception, kind: str, remedy: str) -> FileRefused:
    """Return the refusal of a file that a library cannot read as `kind`, in its first line."""
    first = (str(exc).splitlines() or [type(exc).__name__])[0]
    return FileRefused(f"the file cannot be read as {kind}: {first}", remedy=remedy)


def show(cell: Any) -> str:
    """Return `cell` as a message shows it: quoted, one line, and not longer than a glance."""
    if cell is None or cell == "":
        return "an empty cell"
    text = repr(cell) if isinstance(cell, str) else f"{cell!r} ({type(cell).__name__})"
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."
