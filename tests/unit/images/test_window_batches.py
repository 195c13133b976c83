"""An epoch holds every window once, in an order that the seed alone decides."""

from __future__ import annotations

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from factorprism.images import WindowBatches, windows

ENDS = np.arange(60, 390)


def orders(batches, number):
    return [positions.tolist() for positions, _ in batches.epoch(number)]


def test_an_epoch_holds_every_position_once_beside_its_window(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100, seed=14)
    view = windows(image_set)
    seen = []
    for positions, images in batches.epoch(0):
        np.testing.assert_array_equal(images, view[ENDS[positions] - 55])
        seen.append(positions)
    assert len(seen) == len(batches) == 4
    assert [len(positions) for positions in seen] == [100, 100, 100, 30]
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(len(ENDS)))


def test_the_order_follows_from_seed_and_epoch(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100, seed=14)
    again = WindowBatches(image_set.cube, ENDS, 56, batch_size=100, seed=14)
    other = WindowBatches(image_set.cube, ENDS, 56, batch_size=100, seed=15)
    assert orders(batches, 0) == orders(again, 0) == orders(batches, 0)
    assert orders(batches, 0) != orders(batches, 1)
    assert orders(batches, 0) != orders(other, 0)


def test_batches_are_shuffled_over_the_whole_range(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100, seed=14)
    first, _ = next(batches.epoch(0))
    assert first.min() < 30
    assert first.max() > 300
    assert len(set(np.diff(first).tolist())) > 3


def test_batches_that_are_kept_stay_as_they_are(image_set):
    before = image_set.cube.copy()
    kept = list(WindowBatches(image_set.cube, ENDS, 56, batch_size=100).epoch(0))
    view = windows(image_set)
    for positions, images in kept:
        np.testing.assert_array_equal(images, view[ENDS[positions] - 55])
        images[:] = -1.0
    np.testing.assert_array_equal(image_set.cube, before)


def test_a_batch_lives_as_long_as_any_view_of_it(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100)
    view = windows(image_set)
    seen = []
    for number in range(3):
        for positions, images in batches.epoch(number):
            seen.append((ENDS[positions[-1]], memoryview(images[-1])))
            del images
    for end, last in seen:
        np.testing.assert_array_equal(last, view[end - 55])


def test_two_readers_of_the_same_batches_never_share_memory(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100)
    view = windows(image_set)
    for one, other in zip(batches.epoch(0), batches.epoch(1), strict=True):
        assert not np.shares_memory(one[1], other[1])
        for positions, images in (one, other):
            np.testing.assert_array_equal(images, view[ENDS[positions] - 55])


def test_a_batch_that_another_thread_holds_is_left_alone(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100)
    view = windows(image_set)

    def read(end: int, last: np.ndarray) -> bool:
        time.sleep(0.001)
        return bool((last == view[end - 55]).all())

    with ThreadPoolExecutor(4) as threads:
        answers = [
            threads.submit(read, ENDS[positions[-1]], images[-1])
            for number in range(20)
            for positions, images in batches.epoch(number)
        ]
    assert all(answer.result() for answer in answers)


def test_memory_of_batches_that_nobody_holds_is_used_again(image_set):
    batches = WindowBatches(image_set.cube, ENDS, 56, batch_size=100)
    places = {
        images.__array_interface__["data"][0]
        for number in range(5)
        for _, images in batches.epoch(number)
    }
    assert len(places) == 2


def test_an_epoch_takes_no_more_memory_than_its_order_and_two_batches():
    cube = np.zeros((20_000, 16, 4), dtype=np.float32)
    ends = np.arange(55, len(cube))
    tracemalloc.start()
    try:
        for _ in WindowBatches(cube, ends, 56, batch_size=64).epoch(0):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    batch_bytes = 64 * 56 * 16 * 4 * 4
    assert 2 * batch_bytes < peak < 3 * batch_bytes + 2 * ends.nbytes


def test_ends_that_need_not_ascend_keep_their_positions(image_set):
    ends = ENDS[::-1]
    view = windows(image_set)
    for positions, images in WindowBatches(image_set.cube, ends, 56, 64).epoch(3):
        np.testing.assert_array_equal(images, view[ends[positions] - 55])


def test_nothing_to_read_gives_no_batch(image_set):
    batches = WindowBatches(image_set.cube, ENDS[:0], 56)
    assert len(batches) == 0
    assert list(batches.epoch(0)) == []


def test_ends_without_a_full_window_and_empty_batches_are_refused_at_once(image_set):
    with pytest.raises(ValueError, match="allowed 55 to 399"):
        WindowBatches(image_set.cube, np.array([100, 54, 120]), 56)
    with pytest.raises(ValueError, match="batch_size: 0"):
        WindowBatches(image_set.cube, ENDS, 56, batch_size=0)
