"""Networks of other seeds in a bundle: under the same hashes as everything else, or absent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ArtefactError
from factorprism.models import build_network, hash_manifest, load_bundle, load_members, save_bundle
from factorprism.models.backend import load_keras


@pytest.fixture(scope="module")
def members() -> list[Any]:
    networks = []
    for seed in (6, 7):
        load_keras().utils.set_random_seed(seed)
        networks.append(build_network("inception_tiny", (12, 6, 2)))
    return networks


@pytest.fixture
def ensemble(tmp_path: Path, bundle_parts: dict[str, Any], members: list[Any]) -> tuple[Path, str]:
    folder = tmp_path / "ensemble"
    return folder, save_bundle(folder, **bundle_parts, members=members)


def test_members_come_back_in_their_order_with_the_model_s_scaler(
    ensemble: tuple[Path, str], members: list[Any], images: np.ndarray
) -> None:
    bundle = load_bundle(*ensemble)
    loaded = load_members(ensemble[0], bundle)
    assert len(loaded) == 2
    for held, network in zip(loaded, members, strict=True):
        assert held.normaliser is bundle.normaliser
        direct = np.asarray(network(bundle.normaliser.transform(images[:3]))).reshape(-1)
        np.testing.assert_allclose(held.compute_logits(images[:3]), direct, atol=1e-5)


def test_a_bundle_without_members_still_loads_and_has_none(
    saved: tuple[Path, str], ensemble: tuple[Path, str]
) -> None:
    assert load_members(saved[0], load_bundle(*saved)) == ()
    assert saved[1] != ensemble[1]


def test_members_of_earlier_releases_are_called_witnesses(
    tmp_path: Path, ensemble: tuple[Path, str], members: list[Any], images: np.ndarray
) -> None:
    """The files of a bundle are renamed, as an earlier release has written them."""
    folder = tmp_path / "of old"
    shutil.copytree(ensemble[0], folder)
    manifest = json.loads((folder / "MANIFEST.json").read_bytes())
    for number in range(1, len(members) + 1):
        (folder / f"member_{number}.keras").rename(folder / f"witness_{number}.keras")
        manifest[f"witness_{number}.keras"] = manifest.pop(f"member_{number}.keras")
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, sort_keys=True))
    bundle = load_bundle(folder, hash_manifest(folder))
    old, new = load_members(folder, bundle), load_members(ensemble[0], load_bundle(*ensemble))
    assert len(old) == len(members)
    for one, other in zip(old, new, strict=True):
        assert np.array_equal(one.compute_logits(images[:3]), other.compute_logits(images[:3]))


def test_an_altered_member_spoils_the_whole_bundle(ensemble: tuple[Path, str]) -> None:
    bundle = load_bundle(*ensemble)
    with (ensemble[0] / "member_2.keras").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ArtefactError, match=r"member_2.keras.*altered"):
        load_bundle(*ensemble)
    with pytest.raises(ArtefactError, match=r"member_2.keras.*altered"):
        load_members(ensemble[0], bundle)


def test_a_member_that_was_put_in_or_taken_out_is_refused(
    saved: tuple[Path, str], ensemble: tuple[Path, str]
) -> None:
    content = (ensemble[0] / "member_1.keras").read_bytes()
    (saved[0] / "member_1.keras").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"member_1.keras does not belong"):
        load_bundle(*saved)
    (ensemble[0] / "member_1.keras").unlink()
    with pytest.raises(ArtefactError, match=r"member_1.keras is missing"):
        load_bundle(*ensemble)


def test_a_member_of_another_shape_is_refused(tmp_path: Path, bundle_parts: dict[str, Any]) -> None:
    other = build_network("inception_tiny", (12, 6, 3))
    sealed = save_bundle(tmp_path / "b", **bundle_parts, members=[other])
    bundle = load_bundle(tmp_path / "b", sealed)
    with pytest.raises(ArtefactError, match=r"member_1.keras reads images of \(12, 6, 3\)"):
        load_members(tmp_path / "b", bundle)
