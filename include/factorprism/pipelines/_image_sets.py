"""Image sets on an fsspec store: the panel, its sessions and its hash, never cut windows.

The panel is mapped into memory from a file on this machine, which an uncompressed ``npz`` allows:
many tasks that read one panel share its pages, and none holds a copy. From a store elsewhere a set
is fetched once.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fsspec.implementations.local import LocalFileSystem

from factorprism.core.errors import ArtefactError
from factorprism.core.files import move_into_place, write_atomic
from factorprism.images import hash_image_set
from factorprism.market.panels import ImageSet
from factorprism.registry import StoredFile, list_stored_files, open_store, store_access

FOLDER = "image-sets"
# Bytes of a member's header in a zip file before its name; the lengths of name and extra field
# stand at its end. A field of this number is padding, as in Android's packages.
ZIP_HEADER, PADDING_FIELD = 30, 0xD935
ALIGNMENT = 64


def save_image_set(image_set: ImageSet, content_hash: str, artefacts_url: str) -> str:
    """Keep `image_set` under its hash in `artefacts_url` and return its path there.

    Raises `ServiceError` when the store cannot be reached.
    """
    store_path = image_set_path(content_hash)
    content = _pack(image_set)
    filesystem, path = open_store(_join(artefacts_url, store_path))
    if not isinstance(filesystem, LocalFileSystem):
        # An object store shows the whole of an object or nothing.
        with store_access():
            filesystem.pipe_file(path, content)
        return store_path
    write_atomic(Path(path), content)
    return store_path


def load_image_set(store_path: str, content_hash: str, artefacts_url: str, cache: Path) -> ImageSet:
    """Return the image set at the path `store_path`, its panel mapped from a file and read-only.

    A set of a store elsewhere is fetched into the folder `cache` once. It is hashed when it is
    first read in a process, and again where its file was changed since. Raises `ArtefactError` when
    it is absent or altered, `ServiceError` when the store cannot be reached.
    """
    url = _join(artefacts_url, store_path)
    try:
        path = _find_file(url, cache)
        facts = path.stat()
        return _map_checked(path, content_hash, (facts.st_mtime_ns, facts.st_size, facts.st_ino))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as exc:
        raise ArtefactError(
            f"the image set {url} cannot be read: {exc}", remedy="Run build_dataset again."
        ) from exc


def _find_file(url: str, cache: Path) -> Path:
    """Return the file of this machine that holds what `url` does, fetching it where there is none.

    The name of a set is its hash, so that one that was fetched is the one that is there.
    """
    filesystem, path = open_store(url)
    if isinstance(filesystem, LocalFileSystem):
        return Path(path)
    held = cache / str(path).rsplit("/", 1)[1]
    if not held.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = held.with_name(f".{held.name}.{os.getpid()}.partial")
        try:
            with store_access():
                filesystem.get_file(path, str(draft))
            move_into_place(draft, held)
        finally:
            draft.unlink(missing_ok=True)
    return held


@lru_cache(maxsize=4)
def _map_checked(path: Path, content_hash: str, stamp: tuple[int, ...]) -> ImageSet:
    """Return the set in `path` once its content was found to have `content_hash`.

    `stamp` tells one state of the file from another.
    """
    del stamp
    image_set = _map_image_set(path)
    if hash_image_set(image_set) != content_hash:
        raise ArtefactError(
            f"the image set {path} is not the one that was kept under its hash",
            remedy="Remove it and run build_dataset again.",
        )
    return image_set


def _pack(image_set: ImageSet) -> bytes:
    """Return `image_set` as an uncompressed ``npz``, the panel first, where it can be mapped."""
    small = {
        "sessions": image_set.sessions.astype("datetime64[D]").astype(np.int64),
        "factors": np.array(image_set.factors),
        "channels": np.array(image_set.channels),
        "lookback": np.array(image_set.lookback),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"cube": image_set.cube, **small}.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            if name == "cube":
                info.extra = _pad(ZIP_HEADER + len(info.filename))
            archive.writestr(info, member.getvalue())
    return packed.getvalue()


def _pad(length: int) -> bytes:
    """Return an extra field of the zip format that ends at a multiple of `ALIGNMENT`."""
    rest = -(length + 4) % ALIGNMENT
    return struct.pack("<HH", PADDING_FIELD, rest) + bytes(rest)


def _map_image_set(path: Path) -> ImageSet:
    with np.load(path, allow_pickle=False) as held:
        cube = _map_member(path, "cube.npy")
        return ImageSet(
            channels=tuple(map(str, held["channels"])),
            factors=tuple(map(str, held["factors"])),
            sessions=held["sessions"].astype("datetime64[D]"),
            cube=held["cube"] if cube is None else cube,
            lookback=int(held["lookback"]),
        )


def _map_member(path: Path, name: str) -> np.ndarray[Any, Any] | None:
    """Return the array `name` of an ``npz`` as it lies in the file; None where it cannot be so.

    It cannot where it is compressed or empty, or is not aligned, as in sets of earlier releases.
    """
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    with path.open("rb") as file:
        file.seek(info.header_offset + ZIP_HEADER - 4)
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            return None
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        offset = file.tell()
    stored = info.compress_type == zipfile.ZIP_STORED and not fortran_order
    if not stored or not all(shape) or offset % ALIGNMENT:
        return None
    return np.asarray(np.memmap(path, dtype, "r", offset, shape))


def list_image_sets(artefacts_url: str) -> list[StoredFile]:
    """Return the image sets in the store, by path.

    Raises `ServiceError` when the store cannot be reached.
    """
    files = list_stored_files(artefacts_url, FOLDER)
    return [file for file in files if file.store_path.endswith(".npz")]


def remove_image_set(store_path: str, artefacts_url: str) -> None:
    """Remove the image set at the path `store_path`, if it is there.

    Raises `ServiceError` when the store cannot be reached.
    """
    filesystem, path = open_store(_join(artefacts_url, store_path))
    with store_access():
        if filesystem.exists(path):
            filesystem.rm_file(path)


def image_set_path(content_hash: str) -> str:
    """Return the path, under the artefacts' URL, of the image set with this hash."""
    return f"{FOLDER}/{content_hash}.npz"


def _join(artefacts_url: str, store_path: str) -> str:
    return f"{artefacts_url.rstrip('/')}/{store_path}"
