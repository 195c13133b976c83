"""Image sets on an fsspec store: the panel, its sessions and its hash, never cut windows."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from factorprism.core.errors import ArtefactError
from factorprism.core.schemas import ImageSet
from factorprism.images import hash_image_set
from factorprism.registry import reach_store

FOLDER = "image-sets"


def save_image_set(image_set: ImageSet, content_hash: str, artefacts_url: str) -> str:
    """Keep `image_set` under its hash in `artefacts_url` and return its path there.

    Raises `ServiceError` when the store cannot be reached.
    """
    place = image_set_place(content_hash)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        cube=image_set.cube,
        sessions=image_set.sessions.astype("datetime64[D]").astype(np.int64),
        factors=np.array(image_set.factors),
        channels=np.array(image_set.channels),
        lookback=np.array(image_set.lookback),
    )
    filesystem, path = fsspec.core.url_to_fs(_join(artefacts_url, place))
    if not isinstance(filesystem, LocalFileSystem):
        # An object store shows the whole of an object or nothing.
        with reach_store():
            filesystem.pipe_file(path, buffer.getvalue())
        return place
    filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    partial = f"{path}.{os.getpid()}.partial"
    filesystem.pipe_file(partial, buffer.getvalue())
    filesystem.mv(partial, path)
    return place


def load_image_set(place: str, content_hash: str, artefacts_url: str) -> ImageSet:
    """Return the image set at the path `place`.

    Raises `ArtefactError` when it is absent or altered, `ServiceError` when the store cannot be
    reached.
    """
    url = _join(artefacts_url, place)
    try:
        with reach_store(), fsspec.open(url, "rb") as stream:
            arrays = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    except (OSError, ValueError) as exc:
        raise ArtefactError(
            f"the image set {url} cannot be read: {exc}", remedy="Run build_dataset again."
        ) from exc
    image_set = ImageSet(
        channels=tuple(map(str, arrays["channels"])),
        factors=tuple(map(str, arrays["factors"])),
        sessions=arrays["sessions"].astype("datetime64[D]"),
        cube=arrays["cube"],
        lookback=int(arrays["lookback"]),
    )
    if hash_image_set(image_set) != content_hash:
        raise ArtefactError(
            f"the image set {url} is not the one that was kept under its hash",
            remedy="Run build_dataset again.",
        )
    return image_set


@dataclass(frozen=True)
class ListedImageSet:
    """An image set in the store: its path under the artefacts' URL, and when it was written."""

    place: str
    n_bytes: int
    modified_at: datetime  # naive, UTC


def list_image_sets(artefacts_url: str) -> list[ListedImageSet]:
    """Return the image sets under `artefacts_url`, by path."""
    filesystem, root = fsspec.core.url_to_fs(_join(artefacts_url, FOLDER))
    if not filesystem.exists(root):
        return []
    filesystem.invalidate_cache()
    files: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    return [
        ListedImageSet(f"{FOLDER}/{path.rsplit('/', 1)[1]}", int(facts["size"]), _moment_of(facts))
        for path, facts in sorted(files.items())
        if path.endswith(".npz")
    ]


def remove_image_set(place: str, artefacts_url: str) -> None:
    """Remove the image set at the path `place`, if it is there."""
    filesystem, path = fsspec.core.url_to_fs(_join(artefacts_url, place))
    if filesystem.exists(path):
        filesystem.rm_file(path)


def _moment_of(facts: Mapping[str, Any]) -> datetime:
    # A local folder says mtime, in seconds; an S3 store LastModified, a moment.
    moment = facts.get("LastModified")
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(float(facts.get("mtime", 0.0)), UTC)
    return moment.astimezone(UTC).replace(tzinfo=None)


def image_set_place(content_hash: str) -> str:
    """Return the path, under the artefacts' URL, of the image set with this hash."""
    return f"{FOLDER}/{content_hash}.npz"


def _join(artefacts_url: str, place: str) -> str:
    return f"{artefacts_url.rstrip('/')}/{place}"
