"""Moves a model's folder into the artefact store and back, and trusts nothing but its hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from factorprism.core.errors import ArtefactError
from factorprism.core.files import move_folder_into_place
from factorprism.models.bundle import MANIFEST
from factorprism.registry._store import reach_store

RETRAIN = "Or train another one: factorprism train --mode retrain."


def verify_bundle(folder: Path, expected_hash: str, model_id: str) -> None:
    """Check that `folder` holds the model whose manifest has the SHA-256 `expected_hash`.

    Raises `ArtefactError` when the manifest or a file that it lists is missing or altered.
    """
    for name, digest in _read_manifest(folder, expected_hash, model_id).items():
        try:
            content = (folder / name).read_bytes()
        except OSError as exc:
            raise ArtefactError(
                f"{name} of model {model_id} is missing", remedy=_restore(folder)
            ) from exc
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArtefactError(
                f"{name} of model {model_id} was altered after it was registered",
                remedy=_restore(folder),
            )


def save_bundle(folder: Path, url: str) -> None:
    """Copy the files of the verified bundle in `folder` to `url`, the manifest last."""
    filesystem, root = _open_store(url)
    names = sorted(_list_files(folder))
    with reach_store():
        filesystem.makedirs(root, exist_ok=True)
        for name in (*names, MANIFEST):
            filesystem.put_file(str(folder / name), f"{root}/{name}")


def fetch_bundle(url: str, expected_hash: str, model_id: str, cache: Path) -> Path:
    """Return a local folder with the verified bundle at `url`.

    A store on this machine is read in place; from any other the files are copied to `cache` in
    one move. Raises `ArtefactError` when they are absent, altered or cannot be read.
    """
    filesystem, root = _open_store(url)
    if "file" in _protocols(filesystem):
        verify_bundle(Path(root), expected_hash, model_id)
        return Path(root)
    folder = cache / f"{model_id}-{expected_hash[:12]}"
    if folder.is_dir():
        try:
            verify_bundle(folder, expected_hash, model_id)
            return folder
        except ArtefactError:
            shutil.rmtree(folder)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{model_id}.", dir=cache) as temporary:
        partial = Path(temporary) / "bundle"
        partial.mkdir()
        _download(filesystem, root, partial, expected_hash, model_id)
        verify_bundle(partial, expected_hash, model_id)
        try:
            move_folder_into_place(partial, folder)
        except OSError:
            # Another process was quicker; what it has put there is checked like our own.
            verify_bundle(folder, expected_hash, model_id)
    return folder


def remove_bundle(url: str) -> None:
    """Remove what an interrupted run has left at `url`, if anything."""
    filesystem, root = _open_store(url)
    with reach_store():
        if filesystem.exists(root):
            filesystem.rm(root, recursive=True)


def holds_bundle(url: str) -> bool:
    """Tell whether anything is kept at `url`."""
    filesystem, root = _open_store(url)
    with reach_store():
        return bool(filesystem.exists(root))


def _download(filesystem: Any, root: str, folder: Path, expected_hash: str, model_id: str) -> None:
    try:
        with reach_store():
            filesystem.get_file(f"{root}/{MANIFEST}", str(folder / MANIFEST))
            for name in _read_manifest(folder, expected_hash, model_id):
                filesystem.get_file(f"{root}/{name}", str(folder / name))
    except OSError as exc:
        raise ArtefactError(
            f"model {model_id} cannot be read from {root}: {exc}",
            remedy=f"Check the artefact store. {RETRAIN}",
        ) from exc


def _read_manifest(folder: Path, expected_hash: str, model_id: str) -> dict[str, str]:
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as exc:
        raise ArtefactError(
            f"the files of model {model_id} are missing", remedy=_restore(folder)
        ) from exc
    if hashlib.sha256(content).hexdigest() != expected_hash:
        raise ArtefactError(
            f"the manifest of model {model_id} is not the one that was registered",
            remedy=_restore(folder),
        )
    manifest: dict[str, str] = json.loads(content)
    # Only now, under a known hash, are its names used as paths; still none may leave the folder.
    strange = [name for name in manifest if Path(name).name != name]
    if strange:
        raise ArtefactError(
            f"the manifest of model {model_id} names {strange[0]!r}, which is no plain file name",
            remedy=_restore(folder),
        )
    return manifest


def _restore(folder: Path) -> str:
    """Return the remedy. The place stands here and not in the message, which becomes the reason
    of a withheld forecast and is to be the same wherever the store lies."""
    return f"Restore {folder} from a backup. {RETRAIN}"


def _list_files(folder: Path) -> list[str]:
    return [name for name in json.loads((folder / MANIFEST).read_bytes()) if name != MANIFEST]


def _open_store(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as exc:
        raise ArtefactError(
            f"the artefact store {url.split('://')[0]}:// cannot be opened: {exc}",
            remedy="Install the fsspec driver of this store, or set FACTORPRISM_ARTEFACTS.",
        ) from exc
    return filesystem, root


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
