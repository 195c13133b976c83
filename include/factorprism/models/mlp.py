"""A multilayer perceptron: what the image tells a network that ignores its geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import NetworkConfig, classify
from factorprism.models.backend import load_keras


@dataclass(frozen=True)
class MlpConfig(NetworkConfig):
    """The network's shape: units of the `hidden` layers and the shares dropped on the way.

    `input_dropout` is dropped from the image, `hidden_dropout` after all hidden layers but the
    last, `dropout` before the logit.
    """

    hidden: tuple[int, ...] = (500, 500, 500)
    input_dropout: float = 0.1
    hidden_dropout: float = 0.2
    dropout: float = 0.3
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_positive("hidden", "n_outputs")
        self.check_shares("input_dropout", "hidden_dropout", "dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        return replace(cls((16, 16), 0.0, 0.0, 0.0), **overrides)


def build_mlp(input_shape: tuple[int, int, int], config: MlpConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    Wang, Yan and Oates 2017, "Time series classification from scratch with deep neural networks:
    a strong baseline", section II.A (https://arxiv.org/abs/1611.06455): the image flattened
    [n, lookback * factor * channel], three layers of 500 ReLU, dropout 0.1, 0.2, 0.2 and 0.3. The
    weights start as in He et al. 2015.
    """
    keras = load_keras()
    image = keras.layers.Input(input_shape, name="image")
    x = keras.layers.Flatten(name="flat")(image)
    share = config.input_dropout
    for index, units in enumerate(config.hidden):
        name = "stem" if index == 0 else f"hidden{index}"
        x = keras.layers.Dropout(share, seed=config.dropout_seed + index + 1, name=f"{name}_drop")(
            x
        )
        x = keras.layers.Dense(units, kernel_initializer="he_normal", name=f"{name}_dense")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        share = config.hidden_dropout
    return keras.Model(image, classify(x, config), name="mlp")
