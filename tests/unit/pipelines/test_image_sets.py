"""Image sets: mapped from their file where it can be, fetched and hashed once, never altered."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from factorprism.core.errors import ArtefactError
from factorprism.images import gather_windows, hash_image_set
from factorprism.market.panels import ImageSet
from factorprism.pipelines import _image_sets
from factorprism.pipelines._image_sets import load_image_set, save_image_set


@pytest.fixture
def image_set() -> ImageSet:
    days = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]")
    cube = np.random.default_rng(14).normal(size=(len(days), 3, 2)).astype(np.float32)
    cube[:4, 1, 0] = np.nan
    return ImageSet(("000300.SH", "000905.SH"), ("roc", "rsi", "obv"), days, cube, 8)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    _image_sets._map_checked.cache_clear()
    yield
    _image_sets._map_checked.cache_clear()


@pytest.fixture
def far() -> Iterator[str]:
    """The URL of a store that is not on this machine's disk."""
    yield "memory://image-set-test"
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists("/image-set-test"):
        filesystem.rm("/image-set-test", recursive=True)


def is_mapped(array: np.ndarray) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_a_set_comes_back_as_it_was_and_mapped(image_set: ImageSet, tmp_path: Path) -> None:
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, str(tmp_path / "store"))
    held = load_image_set(store_path, content, str(tmp_path / "store"), tmp_path / "cache")
    np.testing.assert_array_equal(held.cube, image_set.cube)
    assert (held.channels, held.factors, held.lookback) == (
        image_set.channels,
        image_set.factors,
        image_set.lookback,
    )
    np.testing.assert_array_equal(held.sessions, image_set.sessions)
    assert is_mapped(held.cube)
    assert held.cube.flags.aligned
    assert held.cube.flags.c_contiguous
    assert not held.cube.flags.writeable
    rows = np.array([10, 30])
    windows = [gather_windows(one.cube, rows, 8) for one in (held, image_set)]
    np.testing.assert_array_equal(*windows)
    assert not (tmp_path / "cache").exists()


def test_a_set_of_an_earlier_release_is_read(image_set: ImageSet, tmp_path: Path) -> None:
    """It was written by numpy itself, whose panel may begin anywhere in the file."""
    content = hash_image_set(image_set)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        cube=image_set.cube,
        sessions=image_set.sessions.astype(np.int64),
        factors=np.array(image_set.factors),
        channels=np.array(image_set.channels),
        lookback=np.array(image_set.lookback),
    )
    path = tmp_path / _image_sets.image_set_path(content)
    path.parent.mkdir()
    path.write_bytes(buffer.getvalue())
    held = load_image_set(_image_sets.image_set_path(content), content, str(tmp_path), tmp_path)
    assert hash_image_set(held) == content


def test_a_set_elsewhere_is_fetched_once(image_set: ImageSet, tmp_path: Path, far: str) -> None:
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, far)
    first = load_image_set(store_path, content, far, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{content}.npz"]
    fsspec.filesystem("memory").rm(f"/image-set-test/{store_path}")
    _image_sets._map_checked.cache_clear()
    again = load_image_set(store_path, content, far, tmp_path)
    assert is_mapped(first.cube)
    np.testing.assert_array_equal(again.cube, first.cube)


def test_a_set_is_hashed_once_and_again_when_its_file_changes(
    image_set: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, str(tmp_path))
    hashed: list[str] = []

    def count(one: ImageSet) -> str:
        hashed.append(hash_image_set(one))
        return hashed[-1]

    monkeypatch.setattr(_image_sets, "hash_image_set", count)
    for _ in range(3):
        load_image_set(store_path, content, str(tmp_path), tmp_path)
    assert hashed == [content]
    altered = bytearray((tmp_path / store_path).read_bytes())
    altered[300] ^= 1
    (tmp_path / store_path).unlink()
    (tmp_path / store_path).write_bytes(altered)
    with pytest.raises(ArtefactError, match="is not the one"):
        load_image_set(store_path, content, str(tmp_path), tmp_path)
    assert len(hashed) == 2


@pytest.mark.parametrize("written", [b"", b"no archive"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "broken.npz").write_bytes(written)
    with pytest.raises(ArtefactError, match="cannot be read"):
        load_image_set("broken.npz", "0" * 64, str(tmp_path), tmp_path)
    with pytest.raises(ArtefactError, match="cannot be read"):
        load_image_set("absent.npz", "0" * 64, str(tmp_path), tmp_path)
