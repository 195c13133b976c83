"""InceptionTime: the image as one series of many variables, read along time alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import NetworkConfig, classify
from factorprism.models.backend import load_keras


@dataclass(frozen=True)
class InceptionTimeConfig(NetworkConfig):
    """The network's shape: `depth` modules of one convolution for each of `kernels` and a pool.

    `filters` is the width of each branch, `bottleneck` that of the 1x1 layer before; kernels
    count sessions. A shortcut spans each `residual_every` modules.
    """

    depth: int = 6
    filters: int = 32
    bottleneck: int = 32
    kernels: tuple[int, ...] = (40, 20, 10)
    residual_every: int = 3
    dropout: float = 0.0
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        names = ("depth", "filters", "bottleneck", "kernels", "residual_every", "n_outputs")
        self.check_positive(*names)
        self.check_shares("dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        return replace(cls(2, 4, 4, (8, 4), 2), **overrides)


def build_inception_time(input_shape: tuple[int, int, int], config: InceptionTimeConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    Fawaz et al. 2020, "InceptionTime: finding AlexNet for time series classification", section 3
    (https://arxiv.org/abs/1909.04939): the image becomes a series [n, lookback, factor * channel],
    which keeps its length; each module gives [n, lookback, filters * (kernels + 1)]. This is one
    network; the paper averages five that differ by their seed.
    """
    keras = load_keras()
    layers = keras.layers
    sessions, factors, channels = input_shape
    image = layers.Input(input_shape, name="image")
    x = entered = layers.Reshape((sessions, factors * channels), name="series")(image)
    for index in range(config.depth):
        x = _apply_module(x, config, f"module{index}" if index else "stem")
        if (index + 1) % config.residual_every == 0:
            x = entered = _add_shortcut(entered, x, f"shortcut{index}")
    x = layers.GlobalAveragePooling1D(name="average")(x)
    return keras.Model(image, classify(x, config), name="inception_time")


def _apply_module(x: Any, config: InceptionTimeConfig, name: str) -> Any:
    layers = load_keras().layers
    narrow = _convolve(x, config.bottleneck, 1, f"{name}_reduce") if x.shape[-1] > 1 else x
    branches = [
        _convolve(narrow, config.filters, kernel, f"{name}_branch{index}")
        for index, kernel in enumerate(config.kernels)
    ]
    pooled = layers.MaxPooling1D(3, strides=1, padding="same", name=f"{name}_max")(x)
    branches.append(_convolve(pooled, config.filters, 1, f"{name}_pool"))
    x = layers.Concatenate(name=f"{name}_join")(branches)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _add_shortcut(entered: Any, x: Any, name: str) -> Any:
    layers = load_keras().layers
    short = _convolve(entered, x.shape[-1], 1, name)
    short = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(short)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([short, x]))


def _convolve(x: Any, filters: int, kernel: int, name: str) -> Any:
    layers = load_keras().layers
    return layers.Conv1D(filters, kernel, padding="same", use_bias=False, name=f"{name}_conv")(x)
