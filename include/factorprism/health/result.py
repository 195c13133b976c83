"""What a check came to: one sentence, how much it matters, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from factorprism.core.errors import FactorPrismError


class Level(Enum):
    """`NOTE` is to be known and no fault: nothing that is noted makes a command end with 1."""

    WELL = "well"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class CheckResult:
    """One thing that was asked, and the answer; `remedy` may be empty where it is healthy.

    `name` is the check's with the thing that it is about. `key` is that of the alert that the
    result opens or closes, empty where none is raised.
    """

    name: str
    sentence: str
    remedy: str = ""
    level: Level = Level.WELL
    key: str = ""

    @property
    def well(self) -> bool:
        return self.level is not Level.FAULT

    def show(self) -> Mapping[str, object]:
        """Return the JSON form that programs read."""
        return {
            "name": self.name,
            "well": self.well,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


def of_error(name: str, error: FactorPrismError) -> CheckResult:
    """Return the fault of a check that could not be asked."""
    return CheckResult(name, error.message, error.remedy or "See the log.", Level.FAULT)
