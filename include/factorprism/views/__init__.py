"""What the pages ask: one module a question, read only, answered from the warehouse alone."""

from factorprism.views._house import House, open_house
from factorprism.views._lines import (
    NotHeld,
    choose_line,
    final_rows,
    list_shown_lines,
    require_held,
)

__all__ = [
    "House",
    "NotHeld",
    "choose_line",
    "final_rows",
    "list_shown_lines",
    "open_house",
    "require_held",
]
