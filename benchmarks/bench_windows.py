"""How fast windows are cut out of the panel: for forecasts by numpy, for trainings by TensorFlow.

The peer of the first is numpy's own stacking of the same slices, of the second Keras'
`timeseries_dataset_from_array`. Each is the same library on the same processor, so that the bounds
say the same everywhere. Shown without a bound is `memcpy` of as many bytes: how near to it a
gathering comes is a matter of caches and memory. So are windows stored one by one and fed in the
same way, which need 56 times the memory.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _table import Row, interleave, print_table

from factorprism.images import gather_windows
from factorprism.learning.batches import Samples, TrainingBatches
from factorprism.models.backend import load_keras

LOOKBACK, FACTORS, CHANNELS, BATCH = 56, 16, 4, 256
SMALL, LARGE = 5_000, 200_000  # sessions: twenty years of one index, and of forty
MEGABYTE = 1e6
STACK_LIMIT, KERAS_LIMIT = 1.0, 3.0
MEMORY_LIMIT = 3.0  # TensorFlow's own copy of the source, and some batches


def make_batches(n_sessions: int) -> TrainingBatches:
    """Return the batches of every window of a cube of noise, [session, factor, channel]."""
    shape = (n_sessions, FACTORS, CHANNELS)
    cube = np.random.default_rng(14).standard_normal(shape, dtype=np.float32)
    ends = np.arange(LOOKBACK - 1, n_sessions)
    samples = Samples(cube, ends, np.zeros(len(ends), np.float32), LOOKBACK)
    return TrainingBatches(samples, BATCH, seed=14)


def compare_gathering() -> list[Row]:
    """Return the rows of numpy's way: an epoch's windows, batch after batch."""
    batches = make_batches(SMALL)
    cube, drawn = batches.samples.cube, batches.samples.ends[batches.draw(0)]
    stored = np.ones((BATCH, LOOKBACK, FACTORS, CHANNELS), dtype=np.float32)
    target = np.zeros_like(stored)
    seconds = interleave(
        {
            "ours": lambda: [gather_windows(cube, ends, LOOKBACK) for ends in drawn],
            "stack": lambda: [
                np.stack([cube[end - LOOKBACK + 1 : end + 1] for end in ends]) for ends in drawn
            ],
            "copy": lambda: [np.copyto(target, stored) for _ in drawn],
        },
        repeats=40,
    )
    name = f"gather {BATCH} windows {LOOKBACK}x{FACTORS}x{CHANNELS} of {SMALL:,} sessions"
    micros = {way: 1e6 * spent / len(drawn) for way, spent in seconds.items()}
    stack, copy = micros["stack"] / micros["ours"], micros["ours"] / micros["copy"]
    bound, holds = f">= {STACK_LIMIT}", stack >= STACK_LIMIT
    return [
        Row(name, micros["ours"], "us", "numpy's stack of slices", stack, bound, holds),
        Row(name, micros["ours"], "us", "memcpy of as many bytes", copy, "none", True),
    ]


def compare_streaming() -> list[Row]:
    """Return the rows of TensorFlow's way: a shuffled epoch as a training reads it."""
    load_keras()
    import tensorflow
    from keras.utils import timeseries_dataset_from_array

    batches = make_batches(SMALL)
    keras = timeseries_dataset_from_array(
        batches.samples.cube,
        None,
        sequence_length=LOOKBACK,
        batch_size=BATCH,
        shuffle=True,
        seed=14,
    )
    windows = tensorflow.constant(batches.samples.gather()[0])
    orders = tensorflow.data.Dataset.from_tensor_slices(batches.draw(0))
    stored = orders.map(lambda chosen: tensorflow.gather(windows, chosen)).prefetch(2)
    feeds: dict[str, Callable[[], Any]] = {
        "ours": lambda: batches.stream(1),
        "keras": lambda: keras,
        "stored": lambda: stored,
    }
    seconds = interleave(
        {name: lambda feed=feed: deque(feed(), maxlen=0) for name, feed in feeds.items()},
        repeats=15,
    )
    name = f"shuffled epoch of {SMALL:,} sessions"
    spent, slower = 1e3 * seconds["ours"], seconds["keras"] / seconds["ours"]
    quicker, bound = seconds["stored"] / seconds["ours"], f">= {KERAS_LIMIT:.0f}"
    keras_name = "keras timeseries_dataset_from_array"
    return [
        Row(name, spent, "ms", keras_name, slower, bound, slower >= KERAS_LIMIT),
        Row(name, spent, "ms", "windows stored one by one", quicker, "none", True),
    ]


def measure_memory() -> Row:
    """Return what a whole epoch of the large history adds to the peak of a process of its own."""
    answer = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    added, source = float(answer.stdout), LARGE * FACTORS * CHANNELS * 4 / MEGABYTE
    return Row(
        f"memory above the source, {LARGE:,} sessions",
        added,
        "MB",
        f"the source, {source:.0f} MB",
        added / source,
        f"<= {MEMORY_LIMIT:g}",
        added <= MEMORY_LIMIT * source,
    )


def print_memory() -> None:
    """Print by how many MB one epoch raises the process above the source and the library."""
    deque(make_batches(SMALL).stream(1), maxlen=0)
    batches = make_batches(LARGE)
    # Not the peak that the system keeps: a child inherits its parent's.
    before = resident_mb()
    print(max(resident_mb() for _ in batches.stream(1)) - before)


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def run() -> list[Row]:
    """Measure, and return the ratios with their bounds."""
    return [*compare_gathering(), *compare_streaming(), measure_memory()]


def main() -> None:
    """Print the table."""
    print_table(run())


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    print_memory() if "--memory" in sys.argv else main()
