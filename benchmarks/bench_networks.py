"""Training and forecasting of both networks on 56 x 16 x 4 images, against the matrix product.

Operations are counted from the layers' shapes: two for each multiply-add of the convolutions and
the dense layer; normalisation, activation and pooling count nothing. A training step does them
three times (forward, gradient of the inputs, gradient of the weights), the stem twice, since no
gradient of the images is needed. The peak is that of a 2048 x 2048 float32 product by the same
library, with the same threads: the fastest of those run between the epochs and forecasts, and so
is the fastest epoch and the fastest round of forecasts set against it.

Ratios are of wall time. Beside them stands the share for each second of processor time, medians
of all rounds: where the two disagree, the machine was busy. A training moves ten times the memory
of a product, so that neighbours on the same memory slow it and leave the product as it is.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _table import Row, interleave, print_table

from factorprism.factors import Normaliser
from factorprism.learning import FitSettings, fit
from factorprism.learning.batches import Samples, TrainingBatches
from factorprism.learning.fit import predict_outputs
from factorprism.models import ModelBundle, build_network
from factorprism.models.backend import fix_threads, load_keras
from factorprism.targets import DIRECTION

SHAPE = (56, 16, 4)
BATCH, SIDE, REPEATS, SHARE = 64, 2048, 5, 0.6
STEPS = {"inception": 64, "googlenet": 12}  # of an epoch: as many as twenty years give, or fewer
EPOCHS = 6  # the first compiles and is not counted
THREADS = min(2, os.cpu_count() or 1)
# How the children train: twice as the house does, once with the threads that the library takes.
WAYS = ("house", "house again", "library")


@dataclass
class Clock:
    """Wall and processor seconds of some repetitions of the same work."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def time(self, call: Callable[[], object]) -> None:
        """Add one repetition of `call`."""
        wall, processor = time.perf_counter(), time.process_time()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)


def count_forward(network: Any) -> tuple[int, int]:
    """Return the operations of one image's forward pass: of all layers, and of the first alone."""
    keras = load_keras()
    counts = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            cells = int(np.prod(layer.output.shape[1:-1]))
            counts.append(2 * cells * int(np.prod(layer.kernel.shape)))
    return sum(counts), counts[0]


def make_samples(n_samples: int, seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    cube = generator.normal(size=(n_samples + SHAPE[0] - 1, *SHAPE[1:])).astype(np.float32)
    labels = generator.integers(0, 2, n_samples).astype(np.float32)
    return Samples(cube, np.arange(SHAPE[0] - 1, len(cube)), labels, SHAPE[0])


def make_product() -> Callable[[], object]:
    """Return a call that computes one matrix product."""
    import tensorflow

    matrix = tensorflow.random.normal((SIDE, SIDE))
    product = tensorflow.function(lambda: tensorflow.linalg.matmul(matrix, matrix))
    product().numpy()
    return lambda: product().numpy()


def make_row(name: str, images: int, work: int, measured: Clock, products: Clock) -> Row:
    """Return the row of `work` operations on `images` images, measured beside `products`."""
    seconds = min(measured.wall)
    peak = 2 * SIDE**3 / min(products.wall)
    share = work / seconds / peak
    beside = work / statistics.median(measured.processor)
    beside /= 2 * SIDE**3 / statistics.median(products.processor)
    return Row(
        name,
        images / seconds,
        "images/s",
        f"float32 product, {peak / 1e9:.0f} GFLOP/s; {beside:.0%} for each processor second",
        share,
        f">= {SHARE}",
        share >= SHARE,
    )


def measure_training(name: str, network: Any, product: Callable[[], object]) -> tuple[Row, float]:
    """Return the row of training `network`, and the seconds of one step."""
    training, validation = make_samples(BATCH * STEPS[name], 0), make_samples(BATCH, 1)
    epochs, products = Clock(), Clock()
    begun = [time.process_time()]

    def between(epoch: int, figures: Mapping[str, float]) -> None:
        if epoch > 1:
            epochs.wall.append(figures["seconds"])
            epochs.processor.append(time.process_time() - begun[0])
        for _ in range(4):
            products.time(product)
        begun[0] = time.process_time()

    settings = FitSettings(epochs=EPOCHS, batch_size=BATCH, patience=EPOCHS, threads=THREADS)
    fit(network, training, validation, settings, loss="log_loss", on_epoch=between)
    forward, first = count_forward(network)
    work = len(training) * (3 * forward - first) + len(validation) * forward
    title = f"train {name}, {(3 * forward - first) / 1e6:.0f} MFLOP an image"
    step = statistics.median(epochs.wall) / STEPS[name]
    return make_row(title, len(training), work, epochs, products), step


def measure_forecasts(name: str, network: Any, product: Callable[[], object]) -> Row:
    """Return the row of forecasting many images with `network`, their gathering counted in."""
    samples = make_samples(4 * BATCH, 2)
    forecasts, products = Clock(), Clock()
    predict_outputs(network, samples)
    for _ in range(REPEATS):
        forecasts.time(lambda: predict_outputs(network, samples))
        products.time(product)
        products.time(product)
    forward, _ = count_forward(network)
    title = f"forecast {name}, {forward / 1e6:.0f} MFLOP an image"
    return make_row(title, len(samples), len(samples) * forward, forecasts, products)


def measure_single(name: str, network: Any) -> Row:
    """Return the row of what it costs that an image gives the same bytes alone or among others."""
    samples = make_samples(BATCH, 3)
    scale = Normaliser(
        np.zeros(SHAPE[1:], dtype=np.float32), np.ones(SHAPE[1:], dtype=np.float32), clip=1e3
    )
    bundle = ModelBundle(network, scale, DIRECTION.identity, {"input_shape": SHAPE})
    images, _ = samples.gather()
    seconds = interleave(
        {
            "single": lambda: bundle.compute_outputs(images),
            "batch": lambda: predict_outputs(network, samples),
        },
        REPEATS,
    )
    chosen = [5, 0, 63]
    alone, among = bundle.compute_outputs(images[chosen]), bundle.compute_outputs(images)
    same = alone.tobytes() == among[chosen].tobytes()
    return Row(
        f"forecast {name} reproducibly, image by image",
        1e3 * seconds["single"] / BATCH,
        "ms an image",
        f"{BATCH} at once, {1e3 * seconds['batch'] / BATCH:.2f} ms an image",
        seconds["single"] / seconds["batch"],
        "same bytes",
        same,
    )


def measure_input(name: str, step: float) -> Row:
    """Return the row of cutting one batch and handing it to the library, against a step of it."""
    keras = load_keras()
    seconds = []
    stream = iter(TrainingBatches(make_samples(BATCH * 4, 0), BATCH))
    for _ in range(50):
        start = time.perf_counter()
        for part in next(stream):
            keras.ops.convert_to_tensor(part)
        seconds.append(time.perf_counter() - start)
    spent = statistics.median(seconds)
    return Row(
        f"input of a training step of {name}, {BATCH} images",
        1e3 * spent,
        "ms",
        f"the step, {1e3 * step:.1f} ms",
        spent / step,
        "<= 0.05",
        spent / step <= 0.05,
    )


def train_child(way: str) -> None:
    """Train in the way asked for; wait for a line before each epoch, print its seconds after it.

    At the end prints the SHA-256 of the weights.
    """
    if way == "library":
        # Too late for `fix_threads` after this: the library's own threads stay.
        make_product()
    threads = (os.cpu_count() or 1) if way == "library" else THREADS

    def wait(epoch: int, figures: Mapping[str, float]) -> None:
        print(figures["seconds"], flush=True)
        if epoch < EPOCHS:
            sys.stdin.readline()

    sys.stdin.readline()
    settings = FitSettings(epochs=EPOCHS, batch_size=BATCH, patience=EPOCHS, threads=threads)
    load_keras().utils.set_random_seed(7)
    network = build_network("inception", SHAPE)
    samples = make_samples(BATCH * 6, 0), make_samples(BATCH, 1)
    fit(network, *samples, settings, loss="log_loss", on_epoch=wait)
    weights = b"".join(weight.tobytes() for weight in network.get_weights())
    print(hashlib.sha256(weights).hexdigest(), flush=True)


def measure_reproducible() -> Row:
    """Return the row of training with fixed threads and seed, against the library's own threads."""
    children = {way: _start(way) for way in WAYS}
    try:
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(EPOCHS):
            for way, child in children.items():
                seconds[way].append(float(_ask(child)))
        digests = {way: _read(child) for way, child in children.items()}
    finally:
        for child in children.values():
            child.communicate()
    spent = {way: statistics.median(times[1:]) for way, times in seconds.items()}
    house = min(spent["house"], spent["house again"])
    return Row(
        "train inception reproducibly, 2 processes",
        house,
        "s an epoch",
        f"the library's own threads, {spent['library']:.3g} s",
        house / spent["library"],
        "same bytes",
        digests["house"] == digests["house again"],
    )


def _start(way: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, way], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _ask(child: subprocess.Popen[str]) -> str:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return _read(child)


def _read(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def run() -> list[Row]:
    reproducible = measure_reproducible()
    fix_threads(THREADS, strict=True)
    product = make_product()
    rows: list[Row] = []
    for name in STEPS:
        network = build_network(name, SHAPE)
        row, step = measure_training(name, network, product)
        rows += [row, measure_forecasts(name, network, product)]
        rows += [measure_input(name, step), measure_single(name, network)]
    return [*rows, reproducible]


def main(arguments: Sequence[str]) -> None:
    if arguments:
        train_child(arguments[0])
    else:
        print(f"{THREADS} threads, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
        print_table(run())


if __name__ == "__main__":
    main(sys.argv[1:])
