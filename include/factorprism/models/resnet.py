"""Residual networks: resnet50 of bottleneck blocks, resnet18 of basic ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import NetworkConfig, Pair, classify
from factorprism.models.backend import load_keras

BLOCKS = ("bottleneck", "basic")
PAPER_STRIDES = ((2, 2), (2, 2))
# The paper halves both axes five times, which leaves two cells of an image of 56x16. Here the stem
# halves the sessions alone, so that the stages see 14x16, 7x8, 4x4 and 2x2: a fourteenth of the
# paper's cells at 224x224, and of its cost.
NATIVE_STRIDES = ((2, 1), (2, 1))


@dataclass(frozen=True)
class ResnetConfig(NetworkConfig):
    """The network's shape: `depths[i]` blocks of `filters[i]` in stage i.

    `stem_strides` are those of the 7x7 convolution and of the pool after it, in (sessions,
    factors). `biases` of the convolutions change nothing under batch normalisation; they are
    there to be counted with the usual weights of resnet50.
    """

    block: str = "bottleneck"
    depths: tuple[int, ...] = (3, 4, 6, 3)
    filters: tuple[int, ...] = (64, 128, 256, 512)
    stem_filters: int = 64
    stem_strides: tuple[Pair, Pair] = NATIVE_STRIDES
    biases: bool = True
    dropout: float = 0.0
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_choice("block", BLOCKS)
        self.check_positive("depths", "filters", "stem_filters", "stem_strides", "n_outputs")
        if len(self.depths) != len(self.filters):
            raise ValueError(f"depths: {self.depths}, allowed is one for each of {self.filters}")
        if [len(pair) for pair in self.stem_strides] != [2, 2]:
            raise ValueError(f"stem_strides: {self.stem_strides}, allowed are two pairs")
        self.check_shares("dropout")

    @classmethod
    def resnet18(cls, **overrides: Any) -> Self:
        """Return the 18-layer member: basic blocks, no biases."""
        return replace(cls("basic", (2, 2, 2, 2), biases=False), **overrides)

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        return replace(cls("bottleneck", (1, 1), (4, 8), 8), **overrides)


def build_resnet(input_shape: tuple[int, int, int], config: ResnetConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    He et al. 2016, "Deep residual learning for image recognition", table 1 and figure 5
    (https://arxiv.org/abs/1512.03385): projections where the shape changes, the stride in a
    block's first convolution. Stages at 56x16: [14, 16, 256], [7, 8, 512], [4, 4, 1024],
    [2, 2, 2048] (resnet18: a fourth of the channels).
    """
    keras = load_keras()
    layers = keras.layers
    image = layers.Input(input_shape, name="image")
    # Zeros on both sides: SAME would put the odd one behind and shift every map by half a cell.
    x = layers.ZeroPadding2D(3, name="stem_pad")(image)
    x = _normalise(
        _convolve(x, config.stem_filters, 7, "stem", config, config.stem_strides[0]), "stem"
    )
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(layers.ReLU(name="stem_relu")(x))
    x = layers.MaxPooling2D(3, strides=config.stem_strides[1], name="stem_pool")(x)
    for stage, (depth, filters) in enumerate(zip(config.depths, config.filters, strict=True)):
        for index in range(depth):
            halve = (2, 2) if stage and not index else (1, 1)
            x = _apply_block(x, filters, halve, f"stage{stage}_block{index}", config)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    name = "resnet" + str(2 + sum(config.depths) * (3 if config.block == "bottleneck" else 2))
    return keras.Model(image, classify(x, config), name=name)


def _apply_block(x: Any, filters: int, strides: Pair, name: str, config: ResnetConfig) -> Any:
    layers = load_keras().layers
    bottleneck = config.block == "bottleneck"
    width = filters * 4 if bottleneck else filters
    shortcut = x
    if strides != (1, 1) or x.shape[-1] != width:
        shortcut = _convolve(x, width, 1, f"{name}_shortcut", config, strides)
        shortcut = _normalise(shortcut, f"{name}_shortcut")
    steps = [(filters, 1), (filters, 3), (width, 1)] if bottleneck else [(width, 3), (width, 3)]
    for index, (channels, kernel) in enumerate(steps):
        step = f"{name}_{index}"
        x = _convolve(x, channels, kernel, step, config, (1, 1) if index else strides)
        x = _normalise(x, step)
        if index < len(steps) - 1:
            x = layers.ReLU(name=f"{step}_relu")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _convolve(
    x: Any, filters: int, kernel: int, name: str, config: ResnetConfig, strides: Pair
) -> Any:
    layers = load_keras().layers
    if kernel == 3:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    # The initial weights of He et al. 2015, section 2.2, as the paper has them.
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        use_bias=config.biases,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)


def _normalise(x: Any, name: str) -> Any:
    layers = load_keras().layers
    return layers.BatchNormalization(momentum=0.9, epsilon=1.001e-5, name=f"{name}_norm")(x)
