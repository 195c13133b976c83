"""Moments: naive UTC everywhere in the package, with a zone in the database."""

from __future__ import annotations

from datetime import UTC, datetime


def to_database(moment: datetime) -> datetime:
    """Return `moment` in UTC with its zone; one without a zone is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def from_database(moment: datetime) -> datetime:
    """Return `moment` as naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
