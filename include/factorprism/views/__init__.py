"""What the pages ask: one module a question, read only, answered from the warehouse alone."""

from factorprism.views._house import House, open_house
from factorprism.views._lines import (
    NotHeld,
    SessionSpan,
    choose_line,
    final_rows,
    list_shown_lines,
    locate_session,
    require_held,
)

__all__ = [
    "House",
    "NotHeld",
    "SessionSpan",
    "choose_line",
    "final_rows",
    "list_shown_lines",
    "locate_session",
    "open_house",
    "require_held",
]
