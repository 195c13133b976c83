"""The bundle: the same content gives the same hash, and nothing else is ever loaded."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ArtefactError
from factorprism.models import (
    build_network,
    hash_manifest,
    load_bundle,
    save_bundle,
)
from factorprism.models._keras_file import encode_network
from factorprism.models.backend import load_keras


def reseal(folder: Path) -> str:
    """Write a manifest that fits the files, as someone who alters both would."""
    names = [path.name for path in folder.iterdir() if path.name != "MANIFEST.json"]
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "MANIFEST.json").write_text(json.dumps(digests))
    return hash_manifest(folder)


def rewrite_graph(path: Path, old: str, new: str) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    graph = entries["config.json"].decode()
    assert old in graph
    entries["config.json"] = graph.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_a_loaded_bundle_predicts_the_same_bytes(
    saved: tuple[Path, str], bundle_parts: dict[str, Any], images: np.ndarray
) -> None:
    folder, manifest_hash = saved
    first = load_bundle(folder, manifest_hash)
    second = load_bundle(folder, manifest_hash)

    logits = first.compute_logits(images)
    assert logits.dtype == np.float64
    assert logits.shape == (len(images),)
    assert logits.tobytes() == second.compute_logits(images).tobytes()
    plain = np.asarray(bundle_parts["network"](bundle_parts["normaliser"].transform(images)))
    assert np.allclose(logits, plain.reshape(-1).astype(float), atol=1e-5)
    assert np.ptp(logits) > 0
    assert first.calibration == second.calibration == bundle_parts["calibration"]


def test_an_image_gives_the_same_bytes_alone_and_among_others(
    saved: tuple[Path, str], images: np.ndarray
) -> None:
    bundle = load_bundle(*saved)
    together = bundle.compute_outputs(images)

    for index in (0, 17, 39):
        assert bundle.compute_outputs(images[index : index + 1])[0] == together[index]
    assert np.array_equal(bundle.compute_outputs(images[::-1]), together[::-1])


def test_many_images_at_once_give_the_logits_of_one_at_a_time(
    saved: tuple[Path, str], images: np.ndarray
) -> None:
    bundle = load_bundle(*saved)
    together = bundle.compute_logits(images, batch_size=16)
    np.testing.assert_allclose(together, bundle.compute_logits(images), atol=1e-5)


def test_a_bundle_whose_calibration_is_no_number_is_refused(
    tmp_path: Path, bundle_parts: dict[str, Any]
) -> None:
    folder = tmp_path / "bundle"
    save_bundle(folder, **bundle_parts)
    (folder / "calibration.json").write_text('{"slope": Infinity}')
    with pytest.raises(ArtefactError, match="allowed are finite numbers"):
        load_bundle(folder, reseal(folder))


def test_the_hash_follows_from_the_content_alone(
    tmp_path: Path, saved: tuple[Path, str], bundle_parts: dict[str, Any]
) -> None:
    load_keras().layers.Dense(1)  # moves the automatic names on
    again = save_bundle(tmp_path / "elsewhere" / "again", **bundle_parts)
    other = save_bundle(
        tmp_path / "other", **{**bundle_parts, "calibration": {"slope": 0.25, "intercept": 0.2}}
    )

    assert again == saved[1]
    assert other != saved[1]
    assert load_bundle(*saved).model_id == f"inception_tiny-{saved[1][:12]}"


def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import hashlib, sys\n"
        "from factorprism.models import build_network\n"
        "from factorprism.models._keras_file import encode_network\n"
        "network = build_network('inception_tiny', (12, 6, 2))\n"
        "network.set_weights([0.0 * weight + 0.25 for weight in network.get_weights()])\n"
        "print(hashlib.sha256(encode_network(network)).hexdigest())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    network = build_network("inception_tiny", (12, 6, 2))
    network.set_weights([0.0 * weight + 0.25 for weight in network.get_weights()])

    assert done.stdout.strip() == hashlib.sha256(encode_network(network)).hexdigest()


def test_a_trained_network_is_stored_without_its_optimizer(
    tmp_path: Path, bundle_parts: dict[str, Any], images: np.ndarray
) -> None:
    keras = load_keras()
    keras.utils.set_random_seed(2)
    network = build_network("inception_tiny", (12, 6, 2))
    network.compile(optimizer="adam", loss="mse", jit_compile=False)
    network.fit(images, np.zeros(len(images)), verbose=0)
    sealed = save_bundle(tmp_path / "b", **{**bundle_parts, "network": network})

    with zipfile.ZipFile(tmp_path / "b" / "model.keras") as archive:
        graph = json.loads(archive.read("config.json"))
        metadata = json.loads(archive.read("metadata.json"))
    assert not graph.get("compile_config")
    assert "date_saved" not in metadata
    assert "iterations" not in str(load_bundle(tmp_path / "b", sealed).network.variables)


@pytest.mark.parametrize("name", ["model.keras", "normaliser.json", "spec.json"])
def test_an_altered_file_is_refused(saved: tuple[Path, str], name: str) -> None:
    folder, manifest_hash = saved
    with (folder / name).open("ab") as stream:
        stream.write(b" ")

    with pytest.raises(ArtefactError, match=rf"{name}.*altered"):
        load_bundle(folder, manifest_hash)


@pytest.mark.parametrize("name", ["model.keras", "normaliser.json", "calibration.json"])
def test_a_missing_file_is_refused(saved: tuple[Path, str], name: str) -> None:
    folder, manifest_hash = saved
    (folder / name).unlink()

    with pytest.raises(ArtefactError, match=rf"{name} is missing"):
        load_bundle(folder, manifest_hash)


def test_a_bundle_sealed_without_its_scaler_is_refused(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    (folder / "normaliser.json").unlink()

    with pytest.raises(ArtefactError, match=r"normaliser.json is missing"):
        load_bundle(folder, reseal(folder))


def test_an_extra_file_is_refused(saved: tuple[Path, str]) -> None:
    folder, manifest_hash = saved
    (folder / "model.h5").write_bytes(b"")

    with pytest.raises(ArtefactError, match=r"model.h5 does not belong"):
        load_bundle(folder, manifest_hash)
    with pytest.raises(ArtefactError, match=r"model.h5 does not belong"):
        load_bundle(folder, reseal(folder))


def test_another_hash_and_an_empty_folder_are_refused(
    tmp_path: Path, saved: tuple[Path, str]
) -> None:
    with pytest.raises(ArtefactError, match="not 000000000000") as caught:
        load_bundle(saved[0], "0" * 64)
    assert caught.value.remedy
    with pytest.raises(ArtefactError, match="holds no model"):
        load_bundle(tmp_path, saved[1])


def test_a_lambda_layer_is_refused_even_under_a_fitting_manifest(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    rewrite_graph(folder / "model.keras", '"class_name": "ReLU"', '"class_name": "Lambda"')

    with pytest.raises(ArtefactError, match="Lambda"):
        load_bundle(folder, reseal(folder))


def test_a_layer_from_outside_keras_is_refused(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    rewrite_graph(
        folder / "model.keras",
        '"module": "keras.layers", "class_name": "ReLU"',
        '"module": "antigravity", "class_name": "ReLU"',
    )

    with pytest.raises(ArtefactError, match="antigravity"):
        load_bundle(folder, reseal(folder))
    assert "antigravity" not in sys.modules


def test_a_file_that_is_no_keras_file_is_refused(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    (folder / "model.keras").write_bytes(b"\x89HDF\r\n")

    with pytest.raises(ArtefactError, match="not a Keras file"):
        load_bundle(folder, reseal(folder))


def test_a_spec_of_another_shape_is_refused(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps({**spec, "input_shape": [12, 6, 3]}))

    with pytest.raises(ArtefactError, match="its spec says"):
        load_bundle(folder, reseal(folder))


def test_images_that_do_not_fit_are_refused(saved: tuple[Path, str], images: np.ndarray) -> None:
    bundle = load_bundle(*saved)
    holed = images[:2].copy()
    holed[1, 3, 2, 0] = np.nan

    with pytest.raises(ValueError, match="windows"):
        bundle.compute_outputs(images[:, 1:])
    with pytest.raises(ValueError, match="missing"):
        bundle.compute_outputs(holed)
    assert bundle.compute_outputs(images[:0]).shape == (0, 1)
