"""Network in network: small perceptrons slide over the image in place of linear filters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import NetworkConfig, classify, convolve, pool
from factorprism.models.backend import load_keras


@dataclass(frozen=True)
class NinConfig(NetworkConfig):
    """Widths of the blocks (a spatial convolution, then 1x1 ones) and the first one's `kernels`.

    The last of the three layers of the last block is the logit itself, so that block has two
    widths. `block_dropout` is dropped between blocks, `dropout` before the logit.
    """

    blocks: tuple[tuple[int, ...], ...] = ((192, 160, 96), (192, 192, 192), (192, 192))
    kernels: tuple[int, ...] = (5, 5, 3)
    batch_norm: bool = True
    block_dropout: float = 0.5
    dropout: float = 0.0
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        self.check_positive("blocks", "kernels", "n_outputs")
        if len(self.kernels) != len(self.blocks) or not all(self.blocks):
            raise ValueError(f"kernels: {self.kernels}, allowed is one for each of the blocks")
        self.check_shares("block_dropout", "dropout")

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        return replace(cls(((8, 8), (8, 8)), (5, 3), block_dropout=0.0), **overrides)


def build_nin(input_shape: tuple[int, int, int], config: NinConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    Lin, Chen and Yan 2014, "Network in network" (https://arxiv.org/abs/1312.4400), sections 3.1
    to 3.3; the paper prints no widths, these are those of its authors' network for CIFAR-10:
    966,986 parameters there, without batch normalisation. Blocks at 56x16: [56, 16, 96],
    [28, 8, 192], [14, 4, 192], halved between by 3x3 pools; SAME padding, as theirs.

    The paper averages the map of each class; here the maps before are averaged and the last 1x1
    layer, which is linear, comes after. The two commute: logits and parameters are the same.
    """
    keras = load_keras()
    x = image = keras.layers.Input(input_shape, name="image")
    for index, (widths, kernel) in enumerate(zip(config.blocks, config.kernels, strict=True)):
        name = f"block{index}" if index else "stem"
        if index:
            # The mean in the later pools, as the authors have it.
            x = pool(x, 3, (2, 2), f"{name}_pool", mean=index > 1)
            seed = config.dropout_seed + index
            x = keras.layers.Dropout(config.block_dropout, seed=seed, name=f"{name}_drop")(x)
        for depth, filters in enumerate(widths):
            size = (1, 1) if depth else (kernel, kernel)
            x = convolve(
                x,
                filters,
                size,
                f"{name}_layer{depth}",
                batch_norm=config.batch_norm,
            )
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, classify(x, config), name="nin")
