"""An Inception network compact enough for two cores: the default reader of factor images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from factorprism.models._network import PADDINGS, NetworkConfig, classify, convolve, normalise, pool
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
class InceptionConfig(NetworkConfig):
    """The network's shape: a strided stem, then `stages` of modules with 2x2 pooling between.

    Kernels and strides are (sessions, factors); `dropout` is the share dropped before the logit.
    `padding` is that of the stem and of the pools between stages: modules are SAME in any case,
    since VALID branches of different kernels do not fit together.
    """

    stem_filters: int = 96
    stem_kernel: tuple[int, int] = (8, 4)
    stem_strides: tuple[int, int] = (4, 2)
    stages: tuple[tuple[InceptionModule, ...], ...] = (FIRST_STAGE, SECOND_STAGE)
    dropout: float = 0.3
    dropout_seed: int = 0
    padding: str = "same"
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_pairs("stem_kernel", "stem_strides")
        self.check_positive("stem_filters", "n_outputs")
        if not self.stages or not all(self.stages):
            raise ValueError(f"stages: {self.stages}, each stage needs at least one module")
        self.check_choice("padding", PADDINGS)
        self.check_shares("dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        stages = ((InceptionModule(4, 4, 8, 4, 4, 4),),)
        return replace(cls(8, (4, 2), (4, 2), stages, 0.0), **overrides)

    @classmethod
    def from_config(cls, content: Mapping[str, Any]) -> Self:
        """Return the configuration that `get_config` wrote."""
        stages = tuple(
            tuple(InceptionModule(**module) for module in stage) for stage in content["stages"]
        )
        return replace(super().from_config({**content, "stages": (FIRST_STAGE,)}), stages=stages)


def build_inception(input_shape: tuple[int, int, int], config: InceptionConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    Modules as in Szegedy et al. 2015, "Going deeper with convolutions", section 4, figure 2(b)
    (https://arxiv.org/abs/1409.4842). Batch normalisation (Ioffe and Szegedy 2015) stands after the
    stem's convolution and once before each later stage, not at each of its convolutions: on two
    cores its passes over memory cost a fifth of a step there. Stages at 56x16: [14, 8, 320],
    [7, 4, 384]. With SAME padding any `input_shape` (lookback, factors, channels) fits. Every layer
    has a name of its own: automatic names count up within a process and would change the saved
    bytes.
    """
    keras = load_keras()
    image = keras.layers.Input(input_shape, name="image")
    padding = config.padding
    x = convolve(
        image,
        config.stem_filters,
        config.stem_kernel,
        "stem",
        strides=config.stem_strides,
        padding=padding,
    )
    for index, stage in enumerate(config.stages):
        if index:
            x = pool(x, 2, (2, 2), f"stage{index}_pool", padding=padding)
            x = normalise(x, f"stage{index}")
        for number, module in enumerate(stage):
            x = apply_module(x, module, f"stage{index}_module{number}", batch_norm=False)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, classify(x, config), name="inception")


def apply_module(x: Any, module: InceptionModule, name: str, *, batch_norm: bool) -> Any:
    """Return the joined branches [n, session, factor, sum of widths] of one module over `x`."""
    layers = load_keras().layers

    def branch(entry: Any, filters: int, kernel: int, part: str) -> Any:
        size = (kernel, kernel)
        return convolve(entry, filters, size, f"{name}_{part}", batch_norm=batch_norm)

    three = branch(x, module.reduce_three, 1, "reduce_three")
    five = branch(x, module.reduce_five, 1, "reduce_five")
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_max")(x)
    branches = [
        branch(x, module.one, 1, "one"),
        branch(three, module.three, 3, "three"),
        branch(five, module.five, 5, "five"),
        branch(pooled, module.pool, 1, "pool"),
    ]
    return layers.Concatenate(name=f"{name}_join")(branches)
