"""A small bundle with its record, and a registry on a database file of the test's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import fsspec
import pytest

from factorprism.core.models import Evaluation, ModelRecord
from factorprism.registry import MlflowRegistry
from ledger_rows import make_record


@dataclass(frozen=True)
class Trained:
    """What a training hands to the registry."""

    record: ModelRecord
    bundle: Path
    evaluations: tuple[Evaluation, ...]
    history: tuple[dict[str, float], ...]


@pytest.fixture
def train(tmp_path) -> Callable[..., Trained]:
    """Write a bundle that holds `content`, and everything that goes with it."""

    def write(content: bytes = b"weights", universe: str = "hs300") -> Trained:
        files = {"model.keras": content, "spec.json": b'{"architecture": "inception"}'}
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = json.dumps(digests, sort_keys=True).encode()
        artefact_hash = hashlib.sha256(manifest).hexdigest()
        folder = tmp_path / "trained" / artefact_hash[:12]
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {**files, "MANIFEST.json": manifest}.items():
            (folder / name).write_bytes(data)
        model_id = f"inception-{artefact_hash[:12]}"
        days = (date(2019, 1, 2), date(2019, 12, 31))
        record = make_record(
            model_id,
            signal=f"{universe}-direction-14",
            universe=universe,
            artefact_hash=artefact_hash,
            spec={"seed": 14, "input_shape": [56, 2, 1]},
        )
        evaluation = Evaluation(
            model_id, "walk_forward", "log_loss", 0.69, 0.67, float("nan"), 0.692, *days, 240
        )
        history = tuple(
            {"loss": 0.7 - step / 100, "val_loss": 0.7 + step / 100} for step in range(3)
        )
        return Trained(record, folder, (evaluation,), history)

    return write


@pytest.fixture
def artefacts(tmp_path) -> Path:
    return tmp_path / "artefacts"


@pytest.fixture
def registry(tracking_url, artefacts, tmp_path) -> MlflowRegistry:
    return MlflowRegistry(tracking_url, artefacts.as_uri(), tmp_path / "bundles")


@pytest.fixture
def memory_store() -> Iterator[str]:
    """The URL of a store that is not on this machine's disk, emptied after the test."""
    yield "memory://registry-test"
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists("/registry-test"):
        filesystem.rm("/registry-test", recursive=True)
