"""Writes a network as a ``.keras`` file whose bytes follow from its content; reads it warily."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from factorprism.core.errors import ArtefactError
from factorprism.models.backend import load_keras

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
# Besides Keras itself a graph names Python's own containers; anything else would be code.
TRUSTED_MODULES = ("keras", "builtins")
RETRAIN = "Fetch the model again from the registry, or train one: factorprism train."


def encode_network(network: Any) -> bytes:
    """Return `network` without its optimizer as the bytes of a ``.keras`` file.

    Equal configuration and weights give equal bytes: Keras' own file carries the wall clock, which
    is taken out here, and the memory addresses of objects that layers share.
    """
    keras = load_keras()
    # Built from its configuration no two layers share an object, so that no address is written.
    bare = keras.Model.from_config(network.get_config())
    bare.set_weights(network.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        bare.save(path)
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    entries["metadata.json"] = _strip_clock(entries["metadata.json"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), entries[name])
    return packed.getvalue()


def decode_network(path: Path) -> Any:
    """Return the network in `path`, ready to predict; raises `ArtefactError` for foreign code.

    The caller has checked the file's hash. The graph is read as JSON and refused when it names a
    Lambda layer or anything outside Keras, before Keras itself sees the file.
    """
    keras = load_keras()
    try:
        with zipfile.ZipFile(path) as archive:
            graph = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as exc:
        raise ArtefactError(f"{path.name} is not a Keras file: {exc}", remedy=RETRAIN) from exc
    for node in _nodes(graph):
        module, kind = node.get("module"), node.get("class_name")
        if kind == "Lambda":
            raise ArtefactError(f"{path.name} holds a Lambda layer, which is code", remedy=RETRAIN)
        if module is not None and str(module).split(".")[0] not in TRUSTED_MODULES:
            raise ArtefactError(
                f"{path.name} names {module}.{kind}, which is not part of Keras", remedy=RETRAIN
            )
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as exc:
        raise ArtefactError(f"{path.name} cannot be loaded: {exc}", remedy=RETRAIN) from exc
    # Without this an uncompiled network predicts through XLA: slower, and other bits.
    network.compile(jit_compile=False)
    return network


def _strip_clock(metadata: bytes) -> bytes:
    content = json.loads(metadata)
    content.pop("date_saved", None)
    return json.dumps(content, sort_keys=True).encode()


def _nodes(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        yield content
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from _nodes(item)
