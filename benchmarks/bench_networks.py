"""Training and forecasting of both networks on 56 x 16 x 4 images, against plain Keras.

The peer of training is Keras' own `fit` on arrays in memory: the same network from the same
weights, the same steps and the same validation, in a process of its own that takes turns with ours,
epoch by epoch. The peer of forecasting is `predict` on such arrays. Both are the library itself on
the same processor, so that the bound says the same everywhere: our way, which stores no windows,
costs nothing. Fastest is set against fastest, since whatever else the machine does only adds time.

Beside the ratio stands, without a bound, the share of what the processor could do: operations for
each second over those of a 2048 x 2048 float32 product by the same library with the same threads,
run between the epochs and forecasts. Operations are counted from the layers' shapes: two for each
multiply-add of the convolutions and the dense layer; normalisation, activation and pooling count
nothing. A training step does them three times (forward, gradient of the inputs, gradient of the
weights), the stem twice, since no gradient of the images is needed. How near a network comes to the
product depends on the processor's vectors, caches and memory. The share for each second of
processor time is that of the medians: where the two shares disagree, the machine was busy.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
BATCH, SIDE, REPEATS = 64, 2048, 9
STEPS = {"inception": 32, "googlenet": 6}  # of an epoch
EPOCHS = 9  # the first compiles and is not counted
THREADS = min(2, os.cpu_count() or 1)
INPUT_LIMIT = 0.05
# How the children train: as the house does, again, by Keras' own `fit` on arrays in memory, and as
# the house does with the threads that the library takes.
HOUSE, AGAIN, PLAIN, LIBRARY = "house", "house again", "plain", "library"

OnEpoch = Callable[[int, Mapping[str, float]], None]


@dataclass
class Stopwatch:
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


def make_row(
    name: str,
    images: int,
    work: int,
    measured: Stopwatch,
    peer: str,
    beside: Stopwatch,
    products: Stopwatch,
) -> Row:
    """Return the row of `work` operations on `images` images, `measured` `beside` its peer."""
    seconds, ratio = min(measured.wall), min(beside.wall) / min(measured.wall)
    peak = 2 * SIDE**3 / min(products.wall)
    by_processor = work / statistics.median(measured.processor)
    by_processor /= 2 * SIDE**3 / statistics.median(products.processor)
    return Row(
        name,
        images / seconds,
        "images/s",
        f"{peer}, {images / min(beside.wall):.4g} images/s; {work / seconds / peak:.0%} of a "
        f"float32 product, {by_processor:.0%} for each processor second",
        ratio,
        ">= 1.0",
        ratio >= 1.0,
    )


def measure_training(name: str, network: Any, product: Callable[[], object]) -> tuple[Row, float]:
    """Return the row of training `network`, and the seconds of one step."""
    clocks, products = {HOUSE: Stopwatch(), PLAIN: Stopwatch()}, Stopwatch()
    with open_children(name, tuple(clocks)) as children:
        for epoch in range(EPOCHS):
            for way, clock in clocks.items():
                wall, processor = map(float, ask(children[way]).split())
                if epoch:
                    clock.wall.append(wall)
                    clock.processor.append(processor)
            products.time(product)
            products.time(product)
    forward, first = count_forward(network)
    images = BATCH * STEPS[name]
    work = images * (3 * forward - first) + BATCH * forward
    title = f"train {name}, {(3 * forward - first) / 1e6:.0f} MFLOP an image"
    peer = "Keras fit on arrays in memory"
    row = make_row(title, images, work, clocks[HOUSE], peer, clocks[PLAIN], products)
    return row, statistics.median(clocks[HOUSE].wall) / STEPS[name]


def measure_forecasts(name: str, network: Any, product: Callable[[], object]) -> Row:
    """Return the row of forecasting many images with `network`, their gathering counted in."""
    samples = make_samples(4 * BATCH, 2)
    images, _ = samples.gather()
    forecasts, predictions, products = Stopwatch(), Stopwatch(), Stopwatch()

    def predict() -> Any:
        return network.predict(images, batch_size=BATCH, verbose=0)

    predict_outputs(network, samples)
    predict()
    for _ in range(REPEATS):
        forecasts.time(lambda: predict_outputs(network, samples))
        predictions.time(predict)
        products.time(product)
    forward, _ = count_forward(network)
    title = f"forecast {name}, {forward / 1e6:.0f} MFLOP an image"
    work, peer = len(samples) * forward, "Keras predict on arrays in memory"
    return make_row(title, len(samples), work, forecasts, peer, predictions, products)


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
    """Return the row of cutting one batch as the library does it, against a step of it."""
    batches = TrainingBatches(make_samples(BATCH * 50, 0), BATCH)
    seconds = interleave({"epoch": lambda: deque(batches.stream(1), maxlen=0)})
    spent = seconds["epoch"] / batches.per_epoch
    return Row(
        f"input of a training step of {name}, {BATCH} images",
        1e3 * spent,
        "ms",
        f"the step, {1e3 * step:.1f} ms",
        spent / step,
        f"<= {INPUT_LIMIT}",
        spent / step <= INPUT_LIMIT,
    )


def train_child(name: str, way: str) -> None:
    """Train `name` in the `way` asked for; wait for a line before each epoch.

    After it, print its wall and processor seconds; at the end the SHA-256 of the weights.
    """
    if way == LIBRARY:
        # Too late for `fix_threads` after this: the library's own threads stay.
        make_product()
    threads = (os.cpu_count() or 1) if way == LIBRARY else THREADS
    settings = FitSettings(epochs=EPOCHS, batch_size=BATCH, patience=EPOCHS, threads=threads)
    fix_threads(threads, strict=True)
    load_keras().utils.set_random_seed(7)
    network = build_network(name, SHAPE)
    samples = make_samples(BATCH * STEPS[name], 0), make_samples(BATCH, 1)
    begun = [0.0, 0.0]

    def begin() -> None:
        sys.stdin.readline()
        begun[:] = time.perf_counter(), time.process_time()

    def end(epoch: int, figures: Mapping[str, float]) -> None:
        print(time.perf_counter() - begun[0], time.process_time() - begun[1], flush=True)
        if epoch < EPOCHS:
            begin()

    begin()
    train = train_plainly if way == PLAIN else train_our_way
    train(network, *samples, settings, end)
    weights = b"".join(weight.tobytes() for weight in network.get_weights())
    print(hashlib.sha256(weights).hexdigest(), flush=True)


def train_our_way(
    network: Any, training: Samples, validation: Samples, settings: FitSettings, on_epoch: OnEpoch
) -> None:
    fit(network, training, validation, settings, loss="log_loss", on_epoch=on_epoch)


def train_plainly(
    network: Any, training: Samples, validation: Samples, settings: FitSettings, on_epoch: OnEpoch
) -> None:
    """Train as Keras' own documentation does, on images that are stored one by one."""
    keras = load_keras()
    network.compile(
        optimizer=keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay
        ),
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing
        ),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True)],
        # With XLA, which is Keras' own choice, these networks train at half the speed on a CPU.
        jit_compile=False,
    )
    tell = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs)
    )
    network.fit(
        *training.gather(),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=validation.gather(),
        callbacks=[tell],
        verbose=0,
    )


def measure_reproducible() -> Row:
    """Return the row of training with fixed threads and seed, against the library's own threads."""
    seconds: dict[str, list[float]] = {way: [] for way in (HOUSE, AGAIN, LIBRARY)}
    with open_children("inception", tuple(seconds)) as children:
        for _ in range(EPOCHS):
            for way, child in children.items():
                seconds[way].append(float(ask(child).split()[0]))
        digests = {way: read(child) for way, child in children.items()}
    spent = {way: min(times[1:]) for way, times in seconds.items()}
    house = min(spent[HOUSE], spent[AGAIN])
    return Row(
        "train inception reproducibly, 2 processes",
        house,
        "s an epoch",
        f"the library's own threads, {spent[LIBRARY]:.3g} s",
        house / spent[LIBRARY],
        "same bytes",
        digests[HOUSE] == digests[AGAIN],
    )


@contextmanager
def open_children(name: str, ways: Sequence[str]) -> Iterator[Mapping[str, subprocess.Popen[str]]]:
    """Give a process for each of `ways` to train the network `name`; see `train_child`."""
    children = {way: start(name, way) for way in ways}
    try:
        yield children
    finally:
        for child in children.values():
            child.communicate()


def start(name: str, way: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, name, way]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ask(child: subprocess.Popen[str]) -> str:
    """Let `child` do one epoch and return the line that it prints."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return read(child)


def read(child: subprocess.Popen[str]) -> str:
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
        train_child(*arguments)
    else:
        print(f"{THREADS} threads, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
        print_table(run())


if __name__ == "__main__":
    main(sys.argv[1:])
