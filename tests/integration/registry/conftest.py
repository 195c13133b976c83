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
        record = ModelRecord(
            model_id=model_id,
            architecture="inception",
            signal=f"{universe}-direction-14",
            target="direction",
            universe=universe,
            horizon=14,
            lookback=56,
            channels=("000300.SH",),
            factors=("roc_12", "rsi_14"),
            trained_from=date(2010, 1, 4),
            trained_through=date(2019, 12, 31),
            n_samples=2000,
            bases={"base_rate": 0.53},
            data_hash="d" * 64,
            artefact_hash=artefact_hash,
            mode="retrain",
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


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory) -> Path:
    """A database file with MLflow's tables, made once: its migrations take seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    file = folder / "mlflow.db"
    registry = MlflowRegistry(f"sqlite:///{file}", folder.as_uri(), folder / "bundles")
    assert registry.get_alias("hs300-direction-14", "champion") is None
    return file


@pytest.fixture
def tracking_url(migrated_database, tmp_path) -> str:
    file = tmp_path / "mlflow.db"
    file.write_bytes(migrated_database.read_bytes())
    return f"sqlite:///{file}"


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
