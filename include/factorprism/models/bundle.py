"""A model as a folder: network, scaler, calibration and spec, identified by one hash."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray
from factorprism.core.errors import ArtefactError
from factorprism.core.files import move_folder_into_place
from factorprism.factors import Normaliser
from factorprism.models._keras_file import RETRAIN, decode_network, encode_network
from factorprism.models.backend import fix_threads

MANIFEST = "MANIFEST.json"
FILES = ("calibration.json", "model.keras", "normaliser.json", "spec.json")
# The same network trained from other seeds: their reasons are compared, they forecast nothing.
# Bundles of earlier releases call them witnesses.
MEMBER = re.compile(r"(member|witness)_\d+\.keras")

Outputs = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A network with everything that a forecast needs besides the image.

    `spec` says what the model was trained on; ``spec["input_shape"]`` is (lookback, factors,
    channels). `calibration` holds the numbers by which the model's target turns outputs into
    forecasts. `manifest_hash` is the SHA-256 (hex) of the manifest, empty before it is saved.
    """

    network: Any = field(repr=False)
    normaliser: Normaliser = field(repr=False)
    calibration: Mapping[str, float]
    spec: Mapping[str, Any] = field(repr=False)
    manifest_hash: str = ""

    @property
    def model_id(self) -> str:
        """The name that follows from the content: architecture and manifest hash."""
        return f"{self.spec['architecture']}-{self.manifest_hash[:12]}"

    def compute_outputs(self, windows: FloatArray, batch_size: int = 1) -> Outputs:
        """Return the outputs, float64 [n, output], for un-normalised `windows` [n, *input_shape].

        The answer for an image is the same bytes alone or among others. With another `batch_size`
        than 1 many images are read several times faster, and the last bits of an output depend on
        the images beside it. Raises ``ValueError`` for another shape and for missing cells: a
        network gives no answer that means anything for them.
        """
        shape = tuple(self.spec["input_shape"])
        if windows.ndim != 4 or windows.shape[1:] != shape:
            raise ValueError(f"windows: shape {windows.shape}, expected [n, {shape}]")
        if not np.isfinite(windows).all():
            raise ValueError("windows: cells are missing, allowed are complete images")
        if not len(windows):
            return np.empty((0, self.network.output.shape[-1]))
        # One image at a time for a forecast: inside a batch, its size decides how sums are
        # grouped, and the same image would get other last bits among other images.
        images = self.normaliser.transform(windows)
        outputs = [
            self.network.predict_on_batch(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        ]
        return np.concatenate(outputs).astype(np.float64)

    def compute_logits(self, windows: FloatArray, batch_size: int = 1) -> Outputs:
        """Return the first output alone, float64 [n]: the one that is explained.

        Raises as `compute_outputs` does.
        """
        return self.compute_outputs(windows, batch_size)[:, 0]


def save_bundle(
    folder: Path,
    *,
    network: Any,
    normaliser: Normaliser,
    calibration: Mapping[str, float],
    spec: Mapping[str, Any],
    members: Sequence[Any] = (),
) -> str:
    """Write the bundle to `folder` in one move and return the SHA-256 (hex) of its manifest.

    `spec` must hold `architecture`, `input_shape` and `threads`, and be JSON-safe. `members` are
    networks of other seeds, trained by the same recipe with the same scaler. The hash follows
    from the content alone: no clock, path or host is in it. A bundle already in `folder` is
    replaced.
    """
    absent = [name for name in ("architecture", "input_shape", "threads") if name not in spec]
    if absent:
        raise ValueError(f"spec: {', '.join(absent)} missing; it has {', '.join(sorted(spec))}")
    contents = {
        "model.keras": encode_network(network),
        "normaliser.json": _to_json(normaliser.to_dict()),
        "calibration.json": _to_json(calibration),
        "spec.json": _to_json(dict(spec)),
        **{
            f"member_{number}.keras": encode_network(member)
            for number, member in enumerate(members, start=1)
        },
    }
    manifest = _to_json({name: _sha256(content) for name, content in contents.items()})
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        partial.chmod(0o755)
        for name, content in {**contents, MANIFEST: manifest}.items():
            (partial / name).write_bytes(content)
        if folder.exists():
            shutil.rmtree(folder)
        move_folder_into_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _sha256(manifest)


def load_bundle(folder: Path, expected_hash: str) -> ModelBundle:
    """Return the bundle in `folder` whose manifest has the SHA-256 `expected_hash` (hex).

    Every file's hash is checked before any of them is interpreted. Raises `ArtefactError` when
    the manifest is another one, a file is absent, altered or not listed, the graph holds code,
    or the network's shape is not that of the spec.
    """
    normaliser = load_normaliser(folder, expected_hash)
    try:
        spec = json.loads((folder / "spec.json").read_bytes())
        calibration = _read_numbers(folder / "calibration.json")
        shape, threads = tuple(spec["input_shape"]), int(spec["threads"])
    except (ValueError, TypeError, KeyError) as exc:
        raise ArtefactError(f"the model in {folder} is incomplete: {exc}", remedy=RETRAIN) from exc
    fix_threads(threads, strict=False)
    network = _decode(folder / "model.keras", shape)
    if normaliser.centre.shape != shape[1:]:
        raise ArtefactError(
            f"the network reads images of {shape}, its scaler {normaliser.centre.shape}",
            remedy=RETRAIN,
        )
    return ModelBundle(network, normaliser, calibration, spec, expected_hash)


def load_members(folder: Path, bundle: ModelBundle) -> tuple[ModelBundle, ...]:
    """Return `bundle`, loaded from `folder`, with the network of each further member in turn.

    Empty when it was saved without any. Every hash is checked again; raises as `load_bundle` does.
    """
    _verify(folder, bundle.manifest_hash)
    shape = tuple(bundle.spec["input_shape"])
    found = sorted(path for path in folder.iterdir() if MEMBER.fullmatch(path.name))
    return tuple(replace(bundle, network=_decode(path, shape)) for path in found)


def _read_numbers(path: Path) -> dict[str, float]:
    """Return a mapping of names to finite numbers; raises ``ValueError`` for anything else."""
    numbers = {name: float(value) for name, value in json.loads(path.read_bytes()).items()}
    if not np.isfinite(list(numbers.values())).all():
        raise ValueError(f"{path.name}: {numbers}, allowed are finite numbers")
    return numbers


def _decode(path: Path, shape: tuple[int, ...]) -> Any:
    network = decode_network(path)
    if tuple(network.input_shape[1:]) != shape:
        raise ArtefactError(
            f"the network in {path.name} reads images of {network.input_shape[1:]}, its spec says "
            f"{shape}",
            remedy=RETRAIN,
        )
    return network


def load_normaliser(folder: Path, expected_hash: str) -> Normaliser:
    """Return the scale of the bundle in `folder` alone, checked as by `load_bundle`.

    Cheap beside `load_bundle`: nothing of the network is read, and no array library is imported.
    """
    _verify(folder, expected_hash)
    try:
        return Normaliser.from_dict(json.loads((folder / "normaliser.json").read_bytes()))
    except (ValueError, TypeError, KeyError) as exc:
        raise ArtefactError(f"the model in {folder} is incomplete: {exc}", remedy=RETRAIN) from exc


def hash_manifest(folder: Path) -> str:
    """Return the SHA-256 (hex) of the manifest in `folder`; raises `ArtefactError` without one."""
    try:
        return _sha256((folder / MANIFEST).read_bytes())
    except OSError as exc:
        raise ArtefactError(f"{folder} holds no model: {exc.strerror}", remedy=RETRAIN) from exc


def _verify(folder: Path, expected_hash: str) -> None:
    found = hash_manifest(folder)
    if found != expected_hash:
        raise ArtefactError(
            f"the model in {folder} has the hash {found[:12]}, not {expected_hash[:12]}",
            remedy=RETRAIN,
        )
    manifest = json.loads((folder / MANIFEST).read_bytes())
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(set(FILES) | present | set(manifest)):
        if name not in present:
            raise ArtefactError(f"{name} is missing from the model in {folder}", remedy=RETRAIN)
        if name not in manifest or not (name in FILES or MEMBER.fullmatch(name)):
            raise ArtefactError(
                f"{name} does not belong to the model in {folder}",
                remedy=f"Remove it. {RETRAIN}",
            )
        if _sha256((folder / name).read_bytes()) != manifest[name]:
            raise ArtefactError(
                f"{name} of the model in {folder} was altered after it was saved", remedy=RETRAIN
            )


def _to_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
