"""What lies in the stores, as retention and the search for orphans look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class StoredModel:
    """A recorded model; `claim` says in a few words who still needs it, empty for nobody."""

    model_id: str
    signal: str
    saved_at: datetime  # naive, UTC
    claim: str


@dataclass(frozen=True)
class StoredImageSet:
    """A recorded image set: its hash, and the path under the artefacts' URL."""

    image_set_hash: str
    store_path: str
    saved_at: datetime  # naive, UTC


@dataclass(frozen=True)
class StoredPayload:
    """The content of an accepted pull that is still kept."""

    pull_id: int
    symbol: str
    first: date
    last: date
    merged_at: datetime  # naive, UTC
    n_bytes: int


@dataclass(frozen=True)
class StoredBundle:
    """A folder in the artefact store; `model_id` is empty where no model is registered for it."""

    store_path: str
    model_id: str
    n_bytes: int
    modified_at: datetime  # naive, UTC
