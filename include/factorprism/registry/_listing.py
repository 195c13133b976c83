"""Lists what lies in the artefact store, whether or not a model is registered for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from factorprism.core.housekeeping import StoredBundle

# <experiment>/<run>/artifacts/bundle/<file>
BUNDLE_PARTS = 4


def list_stored(url: str, owners: Mapping[str, str]) -> list[StoredBundle]:
    """Return every bundle under `url`; `owners` gives the model of a run, by the run's id."""
    import fsspec

    filesystem, root = fsspec.core.url_to_fs(url)
    if not filesystem.exists(root):
        return []
    filesystem.invalidate_cache()
    files: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    by_place: dict[str, list[dict[str, Any]]] = {}
    for path, facts in files.items():
        parts = path[len(root.rstrip("/")) + 1 :].split("/")
        if len(parts) > BUNDLE_PARTS and parts[2:4] == ["artifacts", "bundle"]:
            by_place.setdefault("/".join(parts[:BUNDLE_PARTS]), []).append(facts)
    return [
        StoredBundle(
            place,
            owners.get(place.split("/")[1], ""),
            sum(int(facts["size"]) for facts in found),
            max(map(_modified_at, found)),
        )
        for place, found in sorted(by_place.items())
    ]


def _modified_at(facts: Mapping[str, Any]) -> datetime:
    # A local folder says mtime, in seconds; an S3 store LastModified, a moment.
    moment = facts.get("LastModified")
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(float(facts.get("mtime", 0.0)), UTC)
    return moment.astimezone(UTC).replace(tzinfo=None)
