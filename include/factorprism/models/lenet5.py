"""LeNet-5, the smallest convolutional network of the original studies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import PADDINGS, NetworkConfig, classify
from factorprism.models.backend import load_keras

KERNEL = 5


@dataclass(frozen=True)
class Lenet5Config(NetworkConfig):
    """Filters of C1 and C3, units of C5 and F6; `padding` of both convolutions."""

    filters: tuple[int, int] = (6, 16)
    units: tuple[int, int] = (120, 84)
    padding: str = "same"
    dropout: float = 0.0
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_pairs("filters", "units")
        self.check_positive("n_outputs")
        self.check_choice("padding", PADDINGS)
        self.check_shares("dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        return replace(cls((4, 8), (16, 12)), **overrides)


def build_lenet5(input_shape: tuple[int, int, int], config: Lenet5Config) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B
    (http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf). With VALID padding at its 32x32x1: C1
    [28, 28, 6], S2 [14, 14, 6], C3 [10, 10, 16], S4 [5, 5, 16], C5 [120], F6 [84]. With SAME at
    56x16: C1 [56, 16, 6], S2 [28, 8, 6], C3 [28, 8, 16], S4 [14, 4, 16]. S2 and S4 have their
    coefficient and bias for each map.

    Three things are of our time: C3 reads all maps of S2 (2,416 parameters; the paper's table I
    cuts some, which leaves 1,516), the squashing is a plain tanh, and the output is logits.
    """
    keras = load_keras()
    image = keras.layers.Input(input_shape, name="image")
    x = _stage(image, config.filters[0], "stem", config.padding)
    x = _stage(x, config.filters[1], "stage1", config.padding)
    x = keras.layers.Flatten(name="flat")(x)
    for units, name in zip(config.units, ("c5", "f6"), strict=True):
        x = keras.layers.Dense(units, activation="tanh", name=name)(x)
    return keras.Model(image, classify(x, config), name="lenet5")


def _stage(x: Any, filters: int, name: str, padding: str) -> Any:
    layers = load_keras().layers
    least = KERNEL if padding == "valid" else 1
    if min(x.shape[1:3]) < least:
        raise ValueError(
            f"padding: 'valid' leaves {x.shape[1]} x {x.shape[2]} cells before {name}, whose "
            f"kernel is {KERNEL} x {KERNEL}; allowed are larger images or 'same'"
        )
    x = layers.Conv2D(filters, KERNEL, padding=padding, activation="tanh", name=f"{name}_conv")(x)
    # SAME here in any case: at even sizes it is the paper's pool, at odd ones no row is lost.
    x = layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(x)
    scaled = layers.DepthwiseConv2D(1, depthwise_initializer="ones", name=f"{name}_scale")(x)
    return layers.Activation("tanh", name=f"{name}_tanh")(scaled)
