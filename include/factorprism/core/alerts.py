"""Alerts, and the messages that tell of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

_ADDRESS = re.compile(r"(?:(\w+)=(?=\w+://))?(.+)")


@dataclass(frozen=True)
class Alert:
    """One message worth a person's attention; the same `key` is raised once until recovered."""

    key: str
    severity: str
    sentence: str
    session: date | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackedAlert:
    """An alert with what has become of it; moments are naive, UTC.

    `occurrence` counts how often its key was opened, `raises` how often it was raised while it was
    open. `notified_to` are the addresses that have taken its present message while another has not,
    `tries` how often that was tried in vain.
    """

    alert: Alert
    occurrence: int
    raised_at: datetime
    resolved_at: datetime | None = None
    notified_at: datetime | None = None
    recovery_notified_at: datetime | None = None
    recovery: str = ""  # the sentence on its end
    notified_to: frozenset[str] = frozenset()
    tries: int = 0
    raises: int = 1


@dataclass(frozen=True)
class Address:
    """Where messages go: `label` may be shown, `url` (Apprise's) may hold a password."""

    label: str
    audiences: frozenset[str]
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Message:
    """A message as it is sent."""

    title: str
    body: str
    recovered: bool = False


def split_addresses(text: str) -> list[tuple[str, str]]:
    """Return the audience and the URL of each address in `text`, which white space separates.

    The audience stands before the URL, as in ``operators=json://host/path``; it is empty where the
    address is for everybody.
    """
    found = (_ADDRESS.fullmatch(item) for item in text.split())
    return [(one[1] or "", one[2]) for one in found if one]
