"""Artefacts on an S3 store: kept and found, refused when altered, waited for when unreachable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from factorprism.core.errors import ArtefactError, ServiceError
from factorprism.images import hash_image_set
from factorprism.market.panels import ImageSet
from factorprism.pipelines._image_sets import (
    list_image_sets,
    load_image_set,
    remove_image_set,
    save_image_set,
)
from factorprism.registry._bundles import (
    fetch_bundle,
    holds_bundle,
    list_stored_bundles,
    remove_bundle,
    save_bundle,
)
from factorprism.services._ports import choose_port

MODEL = "inception-0123456789ab"


@pytest.fixture
def url(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield store.url
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def cut() -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{choose_port()}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # the client's own tries take ten seconds each
        fsspec.get_filesystem_class("s3").clear_instance_cache()

    return cut


@pytest.fixture
def image_set() -> ImageSet:
    sessions = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]")
    cube = np.random.default_rng(14).normal(size=(len(sessions), 3, 1)).astype(np.float32)
    return ImageSet(("000300.SH",), ("roc", "rsi", "obv"), sessions, cube, 56)


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.keras").write_bytes(b"weights")
    digests = {"model.keras": hashlib.sha256(b"weights").hexdigest()}
    manifest = json.dumps(digests).encode()
    (folder / "MANIFEST.json").write_bytes(manifest)
    return folder, hashlib.sha256(manifest).hexdigest()


def test_an_image_set_comes_back_as_it_was_and_twice_is_once(
    url: str, store: Any, image_set: ImageSet, tmp_path: Path
) -> None:
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, url)
    assert save_image_set(image_set, content, url) == store_path
    assert hash_image_set(load_image_set(store_path, content, url, tmp_path)) == content
    assert [name for name in store.names() if content in name] == [f"artefacts/{store_path}"]


def test_an_altered_or_absent_image_set_is_refused(
    url: str, image_set: ImageSet, tmp_path: Path
) -> None:
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, url)
    with pytest.raises(ArtefactError, match="is not the one"):
        load_image_set(store_path, "0" * 64, url, tmp_path)
    with pytest.raises(ArtefactError, match="cannot be read"):
        load_image_set("image-sets/none.npz", content, url, tmp_path)


def test_a_bundle_is_fetched_by_its_hash_and_removed(
    url: str, store: Any, bundle: tuple[Path, str], tmp_path: Path
) -> None:
    folder, artefact_hash = bundle
    store_path = f"{url}/models/one"
    assert not holds_bundle(store_path)
    save_bundle(folder, store_path)
    assert holds_bundle(store_path)
    fetched = fetch_bundle(store_path, artefact_hash, MODEL, tmp_path / "cache")
    assert (fetched / "model.keras").read_bytes() == b"weights"
    store.client.put_object(
        Bucket="prism", Key="artefacts/models/one/model.keras", Body=b"other weights"
    )
    with pytest.raises(ArtefactError, match="altered"):
        fetch_bundle(store_path, artefact_hash, MODEL, tmp_path / "another cache")
    assert fetch_bundle(store_path, artefact_hash, MODEL, tmp_path / "cache") == fetched
    remove_bundle(store_path)
    assert not holds_bundle(store_path)


def test_a_store_out_of_reach_is_a_fault_that_may_pass(
    url: str,
    cut_off: Callable[[], None],
    image_set: ImageSet,
    bundle: tuple[Path, str],
    tmp_path: Path,
) -> None:
    folder, artefact_hash = bundle
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, url)
    cut_off()
    # Retried by the DAGs, unlike an `ArtefactError`; the sentence names no address.
    for attempt in (
        lambda: load_image_set(store_path, content, url, tmp_path),
        lambda: list_image_sets(url),
        lambda: remove_image_set(store_path, url),
        lambda: list_stored_bundles(url, {}),
        lambda: save_bundle(folder, f"{url}/models/two"),
        lambda: fetch_bundle(f"{url}/models/one", artefact_hash, MODEL, tmp_path / "cache"),
    ):
        with pytest.raises(ServiceError) as caught:
            attempt()
        assert caught.value.message == "the artefact store cannot be reached"
        assert "127.0.0.1" in caught.value.remedy
