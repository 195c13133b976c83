"""How long a keeper waits between two tries: longer after each that failed soon."""

from __future__ import annotations

import time

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
STEADY_SECONDS = 60.0  # whoever has lived that long is started again after the first wait


class Wait:
    """The time until the next try."""

    def __init__(self) -> None:
        self._length = FIRST_WAIT_SECONDS
        self._due = 0.0

    def is_over(self) -> bool:
        return time.monotonic() >= self._due

    def begin(self, lived_seconds: float) -> None:
        """Wait before the next try, after one that has `lived_seconds`."""
        if lived_seconds >= STEADY_SECONDS:
            self._length = FIRST_WAIT_SECONDS
        self._due = time.monotonic() + self._length
        self._length = min(2 * self._length, LONGEST_WAIT_SECONDS)
