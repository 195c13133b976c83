"""An Inception network compact enough for two cores: the default reader of factor images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from factorprism.models.backend import load_keras


@dataclass(frozen=True)
class InceptionModule:
    """Filters of one module: the four branches, and the 1x1 reductions before 3x3 and 5x5."""

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name}: {value}, allowed are positive whole numbers")


# Wide branches on a small grid: below some 32 filters a convolution waits for memory, not for
# arithmetic, so that narrow branches save operations but hardly any time.
FIRST_STAGE = (InceptionModule(64, 64, 128, 32, 64, 64),)
SECOND_STAGE = (InceptionModule(64, 96, 192, 32, 64, 64),)


@dataclass(frozen=True)
class InceptionConfig:
    """The network's shape: a strided stem, then `stages` of modules with 2x2 pooling between.

    Kernels and strides are (sessions, factors); `dropout` is the share dropped before the logit.
    """

    stem_filters: int = 96
    stem_kernel: tuple[int, int] = (8, 4)
    stem_strides: tuple[int, int] = (4, 2)
    stages: tuple[tuple[InceptionModule, ...], ...] = (FIRST_STAGE, SECOND_STAGE)
    dropout: float = 0.3
    dropout_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("stem_kernel", "stem_strides"):
            value = getattr(self, name)
            if len(value) != 2 or min(value) < 1:
                raise ValueError(f"{name}: {value}, allowed is a pair of positive whole numbers")
        if self.stem_filters < 1:
            raise ValueError(f"stem_filters: {self.stem_filters}, allowed are positive numbers")
        if not self.stages or not all(self.stages):
            raise ValueError(f"stages: {self.stages}, each stage needs at least one module")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout: {self.dropout}, allowed is [0, 1)")

    @classmethod
    def tiny(cls, dropout: float = 0.0, dropout_seed: int = 0) -> InceptionConfig:
        """Return a member of the family that trains in a second, for tests."""
        stages = ((InceptionModule(4, 4, 8, 4, 4, 4),),)
        return cls(8, (4, 2), (4, 2), stages, dropout, dropout_seed)

    def get_config(self) -> dict[str, Any]:
        """Return a JSON-safe form that `from_config` reads."""
        content = asdict(self)
        content["stem_kernel"] = list(self.stem_kernel)
        content["stem_strides"] = list(self.stem_strides)
        content["stages"] = [[asdict(module) for module in stage] for stage in self.stages]
        return content

    @classmethod
    def from_config(cls, content: Mapping[str, Any]) -> InceptionConfig:
        """Return the configuration that `get_config` wrote."""
        stages = tuple(
            tuple(InceptionModule(**module) for module in stage) for stage in content["stages"]
        )
        pairs = {name: tuple(content[name]) for name in ("stem_kernel", "stem_strides")}
        return cls(**{**content, **pairs, "stages": stages})


def build_inception(input_shape: tuple[int, int, int], config: InceptionConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to logits [n, 1].

    Modules as in Szegedy et al. 2015, "Going deeper with convolutions", section 4, figure 2(b),
    with batch normalisation before each ReLU (Ioffe and Szegedy 2015, section 3.2). SAME padding
    throughout, so that any `input_shape` (lookback, factors, channels) fits. Every layer has a
    name of its own: automatic names count up within a process and would change the saved bytes.
    """
    keras = load_keras()
    image = keras.layers.Input(input_shape, name="image")
    x = _convolve(image, config.stem_filters, config.stem_kernel, "stem", config.stem_strides)
    for index, stage in enumerate(config.stages):
        if index:
            pool = keras.layers.MaxPooling2D(2, padding="same", name=f"stage{index}_pool")
            x = pool(x)
        for number, module in enumerate(stage):
            x = _apply_module(x, module, f"stage{index}_module{number}")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    x = keras.layers.Dropout(config.dropout, seed=config.dropout_seed, name="dropout")(x)
    logit = keras.layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(image, logit, name="inception")


def _apply_module(x: Any, module: InceptionModule, name: str) -> Any:
    layers = load_keras().layers
    three = _convolve(x, module.reduce_three, (1, 1), f"{name}_reduce_three")
    five = _convolve(x, module.reduce_five, (1, 1), f"{name}_reduce_five")
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_max")(x)
    branches = [
        _convolve(x, module.one, (1, 1), f"{name}_one"),
        _convolve(three, module.three, (3, 3), f"{name}_three"),
        _convolve(five, module.five, (5, 5), f"{name}_five"),
        _convolve(pooled, module.pool, (1, 1), f"{name}_pool"),
    ]
    return layers.Concatenate(name=f"{name}_join")(branches)


def _convolve(
    x: Any, filters: int, kernel: tuple[int, int], name: str, strides: tuple[int, int] = (1, 1)
) -> Any:
    layers = load_keras().layers
    x = layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    # A short memory: a training has a few hundred steps, and 0.99 would still hold the start.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
