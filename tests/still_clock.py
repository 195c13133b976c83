"""A clock for what paces itself: no test waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StillClock:
    """A clock that sleeping alone moves."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
