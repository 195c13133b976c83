"""Networks of other seeds in a bundle: under the same hashes as everything else, or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ArtefactError
from factorprism.models import build_network, load_bundle, load_witnesses, save_bundle
from factorprism.models.backend import load_keras


@pytest.fixture(scope="module")
def witnesses() -> list[Any]:
    networks = []
    for seed in (6, 7):
        load_keras().utils.set_random_seed(seed)
        networks.append(build_network("inception_tiny", (12, 6, 2)))
    return networks


@pytest.fixture
def witnessed(
    tmp_path: Path, bundle_parts: dict[str, Any], witnesses: list[Any]
) -> tuple[Path, str]:
    folder = tmp_path / "witnessed"
    return folder, save_bundle(folder, **bundle_parts, witnesses=witnesses)


def test_witnesses_come_back_in_their_order_with_the_model_s_scaler(
    witnessed: tuple[Path, str], witnesses: list[Any], images: np.ndarray
) -> None:
    bundle = load_bundle(*witnessed)
    loaded = load_witnesses(witnessed[0], bundle)
    assert len(loaded) == 2
    for held, network in zip(loaded, witnesses, strict=True):
        assert held.normaliser is bundle.normaliser
        direct = np.asarray(network(bundle.normaliser.transform(images[:3]))).reshape(-1)
        np.testing.assert_allclose(held.compute_logits(images[:3]), direct, atol=1e-5)


def test_a_bundle_without_witnesses_still_loads_and_has_none(
    saved: tuple[Path, str], witnessed: tuple[Path, str]
) -> None:
    assert load_witnesses(saved[0], load_bundle(*saved)) == ()
    assert saved[1] != witnessed[1]


def test_an_altered_witness_spoils_the_whole_bundle(witnessed: tuple[Path, str]) -> None:
    bundle = load_bundle(*witnessed)
    with (witnessed[0] / "witness_2.keras").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ArtefactError, match=r"witness_2.keras.*altered"):
        load_bundle(*witnessed)
    with pytest.raises(ArtefactError, match=r"witness_2.keras.*altered"):
        load_witnesses(witnessed[0], bundle)


def test_a_witness_that_was_put_in_or_taken_out_is_refused(
    saved: tuple[Path, str], witnessed: tuple[Path, str]
) -> None:
    content = (witnessed[0] / "witness_1.keras").read_bytes()
    (saved[0] / "witness_1.keras").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"witness_1.keras does not belong"):
        load_bundle(*saved)
    (witnessed[0] / "witness_1.keras").unlink()
    with pytest.raises(ArtefactError, match=r"witness_1.keras is missing"):
        load_bundle(*witnessed)


def test_a_witness_of_another_shape_is_refused(
    tmp_path: Path, bundle_parts: dict[str, Any]
) -> None:
    other = build_network("inception_tiny", (12, 6, 3))
    sealed = save_bundle(tmp_path / "b", **bundle_parts, witnesses=[other])
    bundle = load_bundle(tmp_path / "b", sealed)
    with pytest.raises(ArtefactError, match=r"witness_1.keras reads images of \(12, 6, 3\)"):
        load_witnesses(tmp_path / "b", bundle)


def test_many_images_at_once_give_the_logits_of_one_at_a_time(
    saved: tuple[Path, str], images: np.ndarray
) -> None:
    bundle = load_bundle(*saved)
    together = bundle.compute_logits(images, batch_size=16)
    np.testing.assert_allclose(together, bundle.compute_logits(images), atol=1e-5)
