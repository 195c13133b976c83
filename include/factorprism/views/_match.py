"""Whether what was recorded once still follows from what the warehouse holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Match(StrEnum):
    """What comparing a recorded hash with today's came to."""

    REPRODUCED = "reproduced"
    REVISED = "revised"
    UNRECORDED = "unrecorded"  # the row names no hash
    UNKNOWN = "unknown"  # nothing is held that a hash could be taken of


@dataclass(frozen=True)
class HashLink:
    """A recorded hash, the one that follows from what is held now, and whether they agree."""

    recorded: str
    now: str
    match: Match


def compare_hashes(recorded: str, now: str) -> HashLink:
    """Return how `recorded` and `now` (SHA-256, hex; empty: there is none) compare."""
    if not recorded:
        match = Match.UNRECORDED
    elif not now:
        match = Match.UNKNOWN
    else:
        match = Match.REPRODUCED if recorded == now else Match.REVISED
    return HashLink(recorded, now, match)
