"""Training of the default network on 56 x 16 x 4 images, against the matrix-product peak.

Operations are counted from the layers' shapes: two for each multiply-add of the convolutions and
the dense layer; normalisation, activation and pooling count nothing. A training step does them
three times (forward, gradient of the inputs, gradient of the weights), the stem twice, since no
gradient of the images is needed. The peak is that of a 2048 x 2048 float32 product by the same
library, with the same threads: the fastest of those run between the epochs of the same training.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from _table import Row, print_table

from factorprism.models import build_network
from factorprism.models.backend import fix_threads, load_keras
from factorprism.training import FitSettings, fit
from factorprism.training.batches import Samples, TrainingBatches

SHAPE = (56, 16, 4)
BATCH, STEPS, EPOCHS = 64, 24, 6
SIDE = 2048
THREADS = min(2, os.cpu_count() or 1)


def count_forward(network: Any) -> tuple[int, int]:
    """Return the operations of one image's forward pass: of all layers, and of the stem alone."""
    keras = load_keras()
    counts = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            height, width = layer.output.shape[1:3]
            counts[layer.name] = 2 * height * width * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            counts[layer.name] = 2 * int(np.prod(layer.kernel.shape))
    return sum(counts.values()), counts["stem_conv"]


def make_samples(n_samples: int, seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    cube = generator.normal(size=(n_samples + SHAPE[0] - 1, *SHAPE[1:])).astype(np.float32)
    labels = generator.integers(0, 2, n_samples).astype(np.float32)
    return Samples(cube, np.arange(SHAPE[0] - 1, len(cube)), labels, SHAPE[0])


def make_product() -> Callable[[], float]:
    """Return a call that gives the fastest of ten matrix products, in operations a second."""
    import tensorflow

    matrix = tensorflow.random.normal((SIDE, SIDE))
    product = tensorflow.function(lambda: tensorflow.linalg.matmul(matrix, matrix))
    product()

    def measure() -> float:
        seconds = []
        for _ in range(10):
            start = time.perf_counter()
            product().numpy()
            seconds.append(time.perf_counter() - start)
        return 2 * SIDE**3 / min(seconds)

    return measure


def measure_input(samples: Samples) -> float:
    """Return the median seconds to cut one batch and hand it to the library."""
    keras = load_keras()
    seconds = []
    stream = iter(TrainingBatches(samples, BATCH))
    for _ in range(50):
        start = time.perf_counter()
        for part in next(stream):
            keras.ops.convert_to_tensor(part)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def run() -> list[Row]:
    fix_threads(THREADS, strict=True)
    network = build_network("inception", SHAPE)
    training, validation = make_samples(BATCH * STEPS, 0), make_samples(BATCH, 1)
    product = make_product()
    peaks: list[float] = []
    epochs: list[float] = []

    def between(epoch: int, figures: Mapping[str, float]) -> None:
        if epoch > 1:  # the first compiles
            epochs.append(figures["seconds"])
            peaks.append(product())

    settings = FitSettings(epochs=EPOCHS, batch_size=BATCH, patience=EPOCHS, threads=THREADS)
    fit(network, training, validation, settings, on_epoch=between)
    forward, stem = count_forward(network)
    per_image = 3 * forward - stem
    work = len(training) * per_image + len(validation) * forward
    seconds, peak = statistics.median(epochs), max(peaks)
    share = work / seconds / peak
    input_seconds, step = measure_input(training), seconds / STEPS
    return [
        Row(
            f"train inception, {forward / 1e6:.1f} MFLOP an image forward, "
            f"{per_image / 1e6:.1f} trained",
            len(training) / seconds,
            "images/s",
            f"float32 product, {peak / 1e9:.0f} GFLOP/s, {THREADS} threads",
            share,
            ">= 0.6",
            share >= 0.6,
        ),
        Row(
            f"input of a training step, {BATCH} images",
            1e3 * input_seconds,
            "ms",
            f"the step, {1e3 * step:.1f} ms",
            input_seconds / step,
            "<= 0.05",
            input_seconds / step <= 0.05,
        ),
    ]


def main() -> None:
    print_table(run())


if __name__ == "__main__":
    main()
