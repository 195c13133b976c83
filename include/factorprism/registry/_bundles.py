"""The artefact store: moves a model's folder there and back by its hashes, lists what it holds."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from factorprism.core.errors import ArtefactError, FactorPrismError, ServiceError
from factorprism.core.files import move_folder_into_place
from factorprism.core.housekeeping import StoredBundle
from factorprism.models.bundle import MANIFEST

# Below it lies <experiment>/<run>/artifacts/bundle/<file>.
BUNDLES = "mlflow"
BUNDLE_PARTS = 4
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
    filesystem, root = open_store(url)
    names = sorted(_list_files(folder))
    with store_access():
        filesystem.makedirs(root, exist_ok=True)
        for name in (*names, MANIFEST):
            filesystem.put_file(str(folder / name), f"{root}/{name}")


def fetch_bundle(url: str, expected_hash: str, model_id: str, cache: Path) -> Path:
    """Return a local folder with the verified bundle at `url`.

    A store on this machine is read in place; from any other the files are copied to `cache` in
    one move. Raises `ArtefactError` when they are absent, altered or cannot be read.
    """
    filesystem, root = open_store(url)
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
    filesystem, root = open_store(url)
    with store_access():
        if filesystem.exists(root):
            filesystem.rm(root, recursive=True)


def holds_bundle(url: str) -> bool:
    """Tell whether anything is kept at `url`."""
    filesystem, root = open_store(url)
    with store_access():
        return bool(filesystem.exists(root))


def _download(filesystem: Any, root: str, folder: Path, expected_hash: str, model_id: str) -> None:
    try:
        with store_access():
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
    # The folder stands in the remedy. The message becomes the reason of a withheld forecast, and
    # is the same wherever the store lies.
    return f"Restore {folder} from a backup. {RETRAIN}"


def _list_files(folder: Path) -> list[str]:
    return [name for name in json.loads((folder / MANIFEST).read_bytes()) if name != MANIFEST]


def open_store(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of `url`, and the path there.

    Raises `ArtefactError` where no driver of that kind of store is installed.
    """
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


@contextmanager
def store_access() -> Iterator[None]:
    """Raise what a store's driver raises of its own in the block as a `ServiceError`.

    That is a lost connection, a server that does not answer, no credentials at all. A file that
    is absent, refused or malformed is an `OSError` or a `ValueError` and stays one.
    """
    try:
        yield
    except (ConnectionError, TimeoutError) as exc:
        raise _unreachable(exc) from exc
    except (FactorPrismError, OSError, ValueError, ImportError, MemoryError):
        raise
    except Exception as exc:
        # Each fsspec driver has a library of its own under it, with errors of its own.
        raise _unreachable(exc) from exc


def _unreachable(exc: Exception) -> ServiceError:
    # The sentence becomes the reason of a withheld forecast: the same wherever the store lies.
    reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    return ServiceError(
        "the artefact store cannot be reached",
        remedy=f"{reason}. Check FACTORPRISM_ARTEFACTS and the store's own settings.",
    )


@dataclass(frozen=True)
class StoredFile:
    """A file in the artefact store: its path under the store's URL, and when it was written."""

    store_path: str
    n_bytes: int
    modified_at: datetime  # naive, UTC


def list_stored_files(artefacts_url: str, folder: str) -> list[StoredFile]:
    """Return every file in `folder` of the store at `artefacts_url`, by path; none without it.

    Raises `ServiceError` when the store cannot be reached.
    """
    filesystem, root = open_store(f"{artefacts_url.rstrip('/')}/{folder}")
    with store_access():
        filesystem.invalidate_cache()
        if not filesystem.exists(root):
            return []
        found: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    begin = len(root.rstrip("/"))
    return [
        StoredFile(f"{folder}{path[begin:]}", int(facts["size"]), _modified_at(facts))
        for path, facts in sorted(found.items())
    ]


def list_stored_bundles(artefacts_url: str, owners: Mapping[str, str]) -> list[StoredBundle]:
    """Return every bundle in the store, by path; `owners` gives the model of a run, by its id."""
    by_path: dict[str, list[StoredFile]] = {}
    for file in list_stored_files(artefacts_url, BUNDLES):
        parts = file.store_path.split("/")[1:]
        if len(parts) > BUNDLE_PARTS and parts[2:4] == ["artifacts", "bundle"]:
            by_path.setdefault("/".join(parts[:BUNDLE_PARTS]), []).append(file)
    return [
        StoredBundle(
            store_path,
            owners.get(store_path.split("/")[1], ""),
            sum(file.n_bytes for file in files),
            max(file.modified_at for file in files),
        )
        for store_path, files in by_path.items()
    ]


def _modified_at(facts: Mapping[str, Any]) -> datetime:
    # A local folder says mtime, in seconds; an S3 store LastModified, a moment.
    moment = facts.get("LastModified")
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(float(facts.get("mtime", 0.0)), UTC)
    return moment.astimezone(UTC).replace(tzinfo=None)
