"""The one training loop of the house, for every network: `fit`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from factorprism.learning.batches import Samples, fit_batches
from factorprism.learning.losses import find_loss
from factorprism.models.backend import (
    count_gpus,
    fix_threads,
    list_replicas,
    load_keras,
    replica_scope,
)
from factorprism.targets import Outputs

FORECAST_AT_ONCE = 64


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained; `stride` as in `TrainingBatches`, `patience` counts epochs."""

    epochs: int = 30
    batch_size: int = 64
    stride: int = 1
    learning_rate: float = 3e-4
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    patience: int = 3
    seed: int = 0
    threads: int = 2
    mixed_precision: bool = True  # on GPUs only; a CPU computes in float32

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "stride", "patience", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed are positive numbers")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: {self.learning_rate}, allowed are positive numbers")
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"label_smoothing: {self.label_smoothing}, allowed is [0, 1)")


@dataclass(frozen=True)
class FitResult:
    """What each epoch showed and its `seconds`, and all seconds together.

    The figures are `loss` (of smoothed labels), the head's own loss by its name, and both of the
    validation (``val_``).
    """

    history: tuple[dict[str, float], ...]
    seconds: float


def fit(
    network: Any,
    training: Samples,
    validation: Samples,
    settings: FitSettings,
    *,
    loss: str,
    frozen_layers: Sequence[str] = (),
    training_form: Callable[[Any], Any] | None = None,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
) -> FitResult:
    """Train `network` (a `keras.Model` from images to outputs) in place, from its present weights.

    AdamW (Loshchilov and Hutter 2019) on the `loss` of that name in `learning.losses`, of smoothed
    labels where it knows such; stops when the loss of `validation`, which the caller has purged,
    has not improved for ``settings.patience`` epochs, and leaves the weights of the best epoch.
    The same seed, threads and starting weights give bit-identical weights on a CPU. With GPUs the
    network is mirrored on all of them and computes in bfloat16 with float32 weights, unless the
    settings say otherwise.

    Layers whose name starts with one of `frozen_layers` keep their weights. `training_form` makes
    of the network a model that shares its layers and is trained in its place. `on_epoch` is called
    with the epoch's number (from 1) and its figures.
    """
    keras = load_keras()
    fix_threads(settings.threads, strict=True)
    keras.utils.set_random_seed(settings.seed)
    started = time.perf_counter()
    with replica_scope():
        distributed = _distribute(network, settings)
        trained = training_form(distributed) if training_form else distributed
        frozen = [item for item in trained.layers if item.name.startswith(tuple(frozen_layers))]
        for layer in frozen:
            layer.trainable = False
        _compile(trained, settings, loss)
    history = _run_epochs(trained, training, validation, settings, f"val_{loss}", on_epoch)
    for layer in frozen:
        layer.trainable = True
    if distributed is not network:
        network.set_weights(distributed.get_weights())
    return FitResult(history, time.perf_counter() - started)


def predict_outputs(network: Any, samples: Samples) -> Outputs:
    """Return the outputs for `samples`, float64 [sample, output], fast, to float32 rounding."""
    if not len(samples):
        return np.empty((0, network.output.shape[-1]))
    # A network that was never compiled would predict through XLA, slower on a CPU.
    if not network.compiled:
        network.compile(jit_compile=False)
    images, _ = samples.gather()
    # Batch by batch: `predict` gives the same bytes and sets up a pipeline first, at the cost of
    # a hundred images.
    parts = [
        network.predict_on_batch(images[start : start + FORECAST_AT_ONCE])
        for start in range(0, len(images), FORECAST_AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float64)


def _distribute(network: Any, settings: FitSettings) -> Any:
    """Return `network`, or a copy on all replicas, on GPUs at lower precision where allowed."""
    if not list_replicas():
        return network
    copy = load_keras().models.clone_model(network)
    copy.set_weights(network.get_weights())
    return lower_precision(copy) if settings.mixed_precision and count_gpus() else copy


def lower_precision(network: Any) -> Any:
    """Let all layers but the last compute in bfloat16, in place; weights stay float32.

    bfloat16 has the range of float32, so that no loss scaling is needed.
    """
    for layer in network.layers[:-1]:
        layer.dtype_policy = "mixed_bfloat16"
    return network


def _compile(network: Any, settings: FitSettings, loss: str) -> None:
    keras, head_loss = load_keras(), find_loss(loss)
    network.compile(
        optimizer=keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay
        ),
        loss=head_loss.loss(settings.label_smoothing),
        metrics=[head_loss.metric(loss)],
        # XLA halves the speed of these networks on a CPU.
        jit_compile="auto" if count_gpus() else False,
    )
    # A first step that had to make the optimizer's variables would be traced a second time.
    network.optimizer.build(network.trainable_variables)


def _run_epochs(
    network: Any,
    training: Samples,
    validation: Samples,
    settings: FitSettings,
    monitor: str,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None,
) -> tuple[dict[str, float], ...]:
    keras = load_keras()
    history: list[dict[str, float]] = []

    begun = [0.0]

    def begin(epoch: int, logs: Mapping[str, float]) -> None:
        begun[0] = time.perf_counter()

    def record(epoch: int, logs: Mapping[str, float]) -> None:
        seconds = time.perf_counter() - begun[0]
        figures = {name: float(logs[name]) for name in logs}
        history.append({"epoch": epoch + 1.0, **figures, "seconds": seconds})
        if on_epoch is not None:
            on_epoch(epoch + 1, history[-1])

    batches = fit_batches(training, settings.batch_size, settings.stride, settings.seed)
    network.fit(
        batches.stream(settings.epochs),
        steps_per_epoch=batches.per_epoch,
        shuffle=False,  # the batches are
        validation_data=validation.gather(),
        validation_batch_size=settings.batch_size,
        epochs=settings.epochs,
        callbacks=[
            keras.callbacks.EarlyStopping(
                monitor, patience=settings.patience, mode="min", restore_best_weights=True
            ),
            keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=record),
        ],
        verbose=0,
    )
    return tuple(history)
