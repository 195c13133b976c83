"""The roles of the warehouse: one owns it, one writes to it, one only reads."""

from __future__ import annotations

from dataclasses import dataclass

OWNER = "prism_owner"  # migrations
WRITER = "prism_writer"  # the steps of runs, and the command line
READER = "prism_reader"  # pages, analysts
ROLES = (OWNER, WRITER, READER)


@dataclass(frozen=True)
class Login:
    """The name by which a connection is logged in, and whether anything is refused to it."""

    name: str
    is_superuser: bool
    owns_schema: bool
