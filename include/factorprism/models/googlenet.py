"""GoogLeNet, the network of the original study, at native size and upsampled to 224x224."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from factorprism.models._network import PADDINGS, NetworkConfig, Pair, classify, convolve, pool
from factorprism.models.backend import load_keras
from factorprism.models.inception import InceptionModule, apply_module

NORMALISATIONS = ("batch", "lrn", "none")
Stages = tuple[tuple[InceptionModule, ...], ...]

# Table 1 of the paper, rows 3a to 5b: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
TABLE_1: Stages = (
    (
        InceptionModule(64, 96, 128, 16, 32, 32),
        InceptionModule(128, 128, 192, 32, 96, 64),
    ),
    (
        InceptionModule(192, 96, 208, 16, 48, 64),
        InceptionModule(160, 112, 224, 24, 64, 64),
        InceptionModule(128, 128, 256, 24, 64, 64),
        InceptionModule(112, 144, 288, 32, 64, 64),
        InceptionModule(256, 160, 320, 32, 128, 128),
    ),
    (
        InceptionModule(256, 160, 320, 32, 128, 128),
        InceptionModule(384, 192, 384, 48, 128, 128),
    ),
)
# Of the 7x7 convolution and the four pools after it, in (sessions, factors).
PAPER_STRIDES: tuple[Pair, ...] = ((2, 2),) * 5
# The paper's strides leave one or two of the cells of 56x16; with none the cost is 41 times as
# high. These give each stage a seventh of the paper's cells at 224x224, and so of its cost.
NATIVE_STRIDES: tuple[Pair, ...] = ((2, 1), (2, 2), (1, 1), (2, 2), (2, 2))
# Section 5 of the paper; a smaller member has those heads whose module it has.
HEADS_AFTER = ("inception_4a_join", "inception_4d_join")
HEAD_WEIGHT = 0.3
# The paper does not print the constants of its local response normalisation: those of Krizhevsky
# et al. 2012, section 3.3, with the 1 in place of their 2 that GoogLeNet was published with.
LRN_WINDOW, LRN_ALPHA, LRN_BETA, LRN_BIAS = 5, 1e-4, 0.75, 1.0


@dataclass(frozen=True)
class GooglenetConfig(NetworkConfig):
    """The network's shape: the `modules` of stages 3, 4 and 5, and the five `strides` before them.

    `upsample` repeats each cell (sessions, factors) times: (4, 14) makes 224x224 of 56x16.
    `padding` is that of the stem and of the pools between stages; modules are SAME in any case,
    since VALID branches of different kernels do not fit together. `auxiliary_heads` are there
    while it trains, and never in the network that is kept (see `attach_auxiliary_heads`).
    """

    modules: Stages = TABLE_1
    stem_filters: tuple[int, int, int] = (64, 64, 192)
    strides: tuple[Pair, ...] = NATIVE_STRIDES
    upsample: Pair = (1, 1)
    padding: str = "same"
    normalisation: str = "batch"
    auxiliary_heads: bool = False
    dropout: float = 0.4
    dropout_seed: int = 0
    n_outputs: int = 1

    def __post_init__(self) -> None:
        if len(self.modules) != 3 or not all(self.modules):
            raise ValueError(f"modules: {self.modules}, allowed are three stages of some modules")
        self.check_positive("stem_filters", "strides", "n_outputs")
        if [len(pair) for pair in self.strides] != [2] * 5:
            raise ValueError(f"strides: {self.strides}, allowed are five pairs")
        if len(self.stem_filters) != 3:
            raise ValueError(f"stem_filters: {self.stem_filters}, allowed are three numbers")
        self.check_pairs("upsample")
        self.check_choice("padding", PADDINGS)
        self.check_choice("normalisation", NORMALISATIONS)
        self.check_shares("dropout")

    @classmethod
    def from_config(cls, content: Any) -> Self:
        """Return the configuration that `get_config` wrote."""
        stages = tuple(
            tuple(InceptionModule(**module) for module in stage) for stage in content["modules"]
        )
        return replace(super().from_config({**content, "modules": TABLE_1}), modules=stages)

    @classmethod
    def upsampled(cls, **overrides: Any) -> Self:
        """Return the member that sees images of 56x16 as 224x224, with the paper's strides."""
        return replace(cls(strides=PAPER_STRIDES, upsample=(4, 14)), **overrides)

    @classmethod
    def tiny(cls, **overrides: Any) -> Self:
        """Return a member of the family that trains in a second, for tests."""
        module = (InceptionModule(4, 4, 4, 4, 4, 4),)
        return replace(cls((module,) * 3, (8, 8, 8), dropout=0.0), **overrides)


def build_googlenet(input_shape: tuple[int, int, int], config: GooglenetConfig) -> Any:
    """Return a `keras.Model` from images [n, lookback, factor, channel] to outputs [n, n_outputs].

    Szegedy et al. 2015, "Going deeper with convolutions", table 1 and figure 3
    (https://arxiv.org/abs/1409.4842), with batch normalisation (Ioffe and Szegedy 2015), the local
    response normalisation of the paper's figure 3, or none; with either of the latter, and 1000
    classes of three channels, it has 6,998,552 parameters. Stages at 56x16: [14, 8, 480],
    [7, 4, 832], [4, 2, 1024]; at 224x224: [28, 28, 480], [14, 14, 832], [7, 7, 1024].
    """
    keras = load_keras()
    x = image = keras.layers.Input(input_shape, name="image")
    if config.upsample != (1, 1):
        x = keras.layers.UpSampling2D(config.upsample, name="upsample")(x)
    x = _apply_stem(x, config)
    for stage, modules in enumerate(config.modules):
        x = pool(x, 3, config.strides[2 + stage], f"pool{2 + stage}", padding=config.padding)
        for letter, module in zip("abcdefgh", modules, strict=False):
            name = f"inception_{3 + stage}{letter}"
            x = apply_module(x, module, name, batch_norm=config.normalisation == "batch")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    network = keras.Model(image, classify(x, config), name="googlenet")
    _name_operations(network)
    return network


def attach_auxiliary_heads(network: Any) -> Any:
    """Return what is trained in place of `network`: its own layers and two auxiliary heads.

    Section 5 of the paper: after 4a and 4d a 5x5 mean of stride 3, a 1x1 convolution of 128, 1024
    ReLU, dropout 0.7, logits; their losses count 0.3 each. Training this trains `network`, which
    keeps its one output: the heads stay behind. Validation loss and metrics are those of the main
    output alone.
    """
    keras = load_keras()
    heads = [_add_head(network, name) for name in HEADS_AFTER if _has_layer(network, name)]
    joined = keras.layers.Concatenate(name="logits", dtype="float32")([network.output, *heads])
    n_outputs = network.output.shape[-1]

    class HeadedNetwork(keras.Model):  # type: ignore[misc, name-defined]
        """A network whose loss counts the heads' columns of its output too, while it trains."""

        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            total = 0.0
            for index in range(1 + len(heads) if training else 1):
                logits = y_pred[:, index * n_outputs : (index + 1) * n_outputs]
                loss = super().compute_loss(x, y, logits, sample_weight, training)
                total = total + (HEAD_WEIGHT if index else 1.0) * loss
            return total

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return super().compute_metrics(x, y, y_pred[:, :n_outputs], sample_weight)

    return HeadedNetwork(network.input, joined, name="googlenet_with_heads")


def _apply_stem(x: Any, config: GooglenetConfig) -> Any:
    normalise = config.normalisation == "batch"
    lrn = config.normalisation == "lrn"
    padding = config.padding
    wide, narrow, last = config.stem_filters
    x = convolve(
        x, wide, (7, 7), "stem1", strides=config.strides[0], padding=padding, batch_norm=normalise
    )
    x = pool(x, 3, config.strides[1], "stem_pool", padding=padding)
    x = _respond_locally(x, "stem_lrn1") if lrn else x
    x = convolve(x, narrow, (1, 1), "stem2", padding=padding, batch_norm=normalise)
    x = convolve(x, last, (3, 3), "stem3", padding=padding, batch_norm=normalise)
    return _respond_locally(x, "stem_lrn2") if lrn else x


def _respond_locally(x: Any, name: str) -> Any:
    """Return x / (1 + alpha * mean of squares over five neighbouring channels) ** beta.

    Keras has no such layer, and a class of our own would be code in the saved file: a mean pool
    runs over the channels, set out as an axis of their own.
    """
    keras = load_keras()
    layers = keras.layers
    height, width, channels = x.shape[1:]
    squares = layers.Multiply(name=f"{name}_squares")([x, x])
    squares = layers.Reshape((height * width, channels, 1), name=f"{name}_line")(squares)
    # Zeros beyond the first and last channel, so that each mean divides by five.
    squares = layers.ZeroPadding2D((0, LRN_WINDOW // 2), name=f"{name}_pad")(squares)
    energy = layers.AveragePooling2D((1, LRN_WINDOW), strides=1, name=f"{name}_mean")(squares)
    energy = layers.Reshape((height, width, channels), name=f"{name}_map")(energy)
    energy = layers.Rescaling(LRN_ALPHA, LRN_BIAS, name=f"{name}_scale")(energy)
    factor = keras.ops.power(energy, -LRN_BETA)
    return layers.Multiply(name=f"{name}_apply")([x, factor])


def _name_operations(network: Any) -> None:
    """Name what is no layer: automatic names count up in a process and change the saved bytes."""
    layer = load_keras().layers.Layer
    bare = [operation for operation in network.operations if not isinstance(operation, layer)]
    for index, operation in enumerate(bare):
        operation.name = f"operation{index}"


def _has_layer(network: Any, name: str) -> bool:
    return any(layer.name == name for layer in network.layers)


def _add_head(network: Any, after: str) -> Any:
    layers = load_keras().layers
    name = after.replace("inception", "head").removesuffix("_join")
    dropout = network.get_layer("dropout")
    x = pool(network.get_layer(after).output, 5, (3, 3), f"{name}_pool", padding="valid", mean=True)
    x = convolve(x, 128, (1, 1), name, batch_norm=False)
    x = layers.Flatten(name=f"{name}_flat")(x)
    x = layers.Dense(1024, kernel_initializer="he_normal", name=f"{name}_dense")(x)
    x = layers.ReLU(name=f"{name}_dense_relu")(x)
    x = layers.Dropout(0.7, seed=dropout.seed + 1, name=f"{name}_dropout")(x)
    return layers.Dense(network.output.shape[-1], dtype="float32", name=f"{name}_logit")(x)
