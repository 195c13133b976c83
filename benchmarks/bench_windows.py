"""How fast shuffled windows reach training: against memcpy of the same bytes, and against Keras.

The copy moves a batch of windows from where they lie one after another, as they would if windows
were stored: once from memory that the cache holds already (the small history, whose cube it holds
too), once from more windows than it can hold (the large one, which it cannot).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _table import Row, interleave, print_table

from factorprism.images import WindowBatches

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

LOOKBACK, FACTORS, CHANNELS, BATCH = 56, 16, 4, 256
SMALL, LARGE = 5_000, 200_000  # sessions: twenty years of one index, and of forty
STORED = 60  # batches, 220 MB: more than a cache holds
COPY_LIMIT, MEMORY_LIMIT_MB, KERAS_LIMIT = 1.5, 64.0, 40.0


def make_cube(n_sessions: int) -> np.ndarray:
    """Return a cube of noise, float32 [session, factor, channel]."""
    rng = np.random.default_rng(14)
    return rng.standard_normal((n_sessions, FACTORS, CHANNELS), dtype=np.float32)


def make_batches(cube: np.ndarray) -> WindowBatches:
    """Return the batches of every window of `cube`."""
    return WindowBatches(cube, np.arange(LOOKBACK - 1, len(cube)), LOOKBACK, BATCH, seed=14)


def compare_with_copy(n_sessions: int) -> Row:
    """Return the time of a batch over that of copying as many stored windows."""
    batches = make_batches(make_cube(n_sessions))
    shape = (BATCH, LOOKBACK, FACTORS, CHANNELS)
    in_cache = n_sessions == SMALL
    stored = np.ones((1 if in_cache else STORED, *shape), dtype=np.float32)
    target = np.zeros(shape, dtype=np.float32)
    turn = iter(range(1_000_000))

    sizes = [len(windows) for _, windows in batches.epoch(0)]

    def copy() -> None:
        for number, size in enumerate(sizes):
            np.copyto(target[:size], stored[number % len(stored), :size])

    def draw() -> None:
        # A new epoch each time: nothing of the last one's order may help.
        for _ in batches.epoch(next(turn)):
            pass

    seconds = interleave({"copy": copy, "draw": draw}, repeats=25 if in_cache else 5)
    ratio = seconds["draw"] / seconds["copy"]
    return Row(
        f"batch of {BATCH} windows {LOOKBACK}x{FACTORS}x{CHANNELS}, {n_sessions:,} sessions",
        seconds["draw"] / len(batches) * 1e6,
        "us",
        f"memcpy, {'cached' if in_cache else 'beyond the cache'}",
        ratio,
        # Far beyond any history of sessions, single windows no longer stream: shown, not bounded.
        f"<= {COPY_LIMIT}" if in_cache else "none",
        ratio <= COPY_LIMIT if in_cache else True,
    )


def compare_with_keras() -> Row:
    """Return how many times faster an epoch of the small history is than Keras' data set."""
    from keras.utils import timeseries_dataset_from_array

    cube = make_cube(SMALL)
    batches = make_batches(cube)
    dataset = timeseries_dataset_from_array(
        cube, None, sequence_length=LOOKBACK, batch_size=BATCH, shuffle=True, seed=14
    )
    turn = iter(range(1_000_000))

    def exhaust(epoch: Iterator[object]) -> None:
        for _ in epoch:
            pass

    seconds = interleave(
        {
            "ours": lambda: exhaust(batches.epoch(next(turn))),
            "keras": lambda: exhaust(iter(dataset)),
        }
    )
    ratio = seconds["keras"] / seconds["ours"]
    return Row(
        f"shuffled epoch of {SMALL:,} sessions",
        seconds["ours"] * 1e3,
        "ms",
        "keras timeseries_dataset_from_array",
        ratio,
        f">= {KERAS_LIMIT:.0f}",
        ratio >= KERAS_LIMIT,
    )


def measure_memory() -> Row:
    """Return what a whole epoch of the large history adds to the peak of a process of its own."""
    answer = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    added = float(answer.stdout)
    return Row(
        f"memory above the source, {LARGE:,} sessions",
        added,
        "MB",
        f"the source, {LARGE * FACTORS * CHANNELS * 4 / 1e6:.0f} MB",
        added / (LARGE * FACTORS * CHANNELS * 4 / 1e6),
        f"< {MEMORY_LIMIT_MB:.0f} MB",
        added < MEMORY_LIMIT_MB,
    )


def print_memory() -> None:
    """Print by how many MB one epoch raises the process, all of it counted, above the source."""
    cube = make_cube(LARGE)
    # Not the peak that the system keeps: a child inherits its parent's.
    before = resident_mb()
    tracemalloc.start()
    highest = max(resident_mb() for _ in make_batches(cube).epoch(0))
    print(max(highest - before, tracemalloc.get_traced_memory()[1] / 1e6))


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def run() -> list[Row]:
    """Measure, and return the ratios with their bounds."""
    return [
        compare_with_copy(SMALL),
        compare_with_copy(LARGE),
        measure_memory(),
        compare_with_keras(),
    ]


def main() -> None:
    """Print the table."""
    print_table(run())


if __name__ == "__main__":
    print_memory() if "--memory" in sys.argv else main()
