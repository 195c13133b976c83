"""What all network files share: the form of a configuration, a convolution, a pool, the logit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, Self

from factorprism.models.backend import load_keras

Pair = tuple[int, int]
PADDINGS = ("same", "valid")


class NetworkConfig:
    """The JSON form and the checks of a configuration; its subclasses are frozen dataclasses."""

    def get_config(self) -> dict[str, Any]:
        """Return a JSON-safe form that `from_config` reads."""
        content: dict[str, Any] = to_lists(asdict(self))  # type: ignore[call-overload]
        return content

    @classmethod
    def from_config(cls, content: Mapping[str, Any]) -> Self:
        """Return the configuration that `get_config` wrote; absent fields take their default."""
        return cls(**to_tuples(dict(content)))

    def check_positive(self, *names: str) -> None:
        """Raise ``ValueError`` unless all numbers in the fields `names` are at least 1."""
        for name in names:
            value = getattr(self, name)
            if not _numbers(value) or min(_numbers(value)) < 1:
                raise ValueError(f"{name}: {value}, allowed are positive whole numbers")

    def check_pairs(self, *names: str) -> None:
        """Raise ``ValueError`` unless the fields `names` are pairs of numbers of at least 1."""
        for name in names:
            value = getattr(self, name)
            if len(value) != 2 or min(value) < 1:
                raise ValueError(f"{name}: {value}, allowed is a pair of positive whole numbers")

    def check_shares(self, *names: str) -> None:
        """Raise ``ValueError`` unless the fields `names` lie in [0, 1)."""
        for name in names:
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise ValueError(f"{name}: {value}, allowed is [0, 1)")

    def check_choice(self, name: str, allowed: tuple[str, ...]) -> None:
        """Raise ``ValueError`` unless the field `name` is one of `allowed`."""
        value = getattr(self, name)
        if value not in allowed:
            raise ValueError(f"{name}: {value!r}, allowed are {', '.join(allowed)}")

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields, in order."""
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]


def to_tuples(content: Any) -> Any:
    """Return `content` with every list as a tuple: JSON knows lists alone."""
    if isinstance(content, Mapping):
        return {name: to_tuples(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return tuple(to_tuples(value) for value in content)
    return content


def to_lists(content: Any) -> Any:
    """Return `content` with every tuple as a list, as it comes back from JSON."""
    if isinstance(content, Mapping):
        return {name: to_lists(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [to_lists(value) for value in content]
    return content


def convolve(
    x: Any,
    filters: int,
    kernel: Pair,
    name: str,
    *,
    strides: Pair = (1, 1),
    padding: str = "same",
    batch_norm: bool = True,
) -> Any:
    """Return ReLU of a convolution of `x` [n, session, factor, channel], normalised if asked.

    With batch normalisation (before the ReLU: Ioffe and Szegedy 2015, section 3.2) the bias would
    be taken out again, so there is none. Without it the weights start as in He et al. 2015,
    section 2.2, which keeps the variance of deep ReLU networks; their scale matters there.
    """
    layers = load_keras().layers
    if padding == "valid" and (x.shape[1] < kernel[0] or x.shape[2] < kernel[1]):
        raise ValueError(
            f"padding: 'valid' leaves {x.shape[1]} x {x.shape[2]} cells before {name}, whose "
            f"kernel is {kernel[0]} x {kernel[1]}; allowed are larger images or 'same'"
        )
    spread = "glorot_uniform" if batch_norm else "he_normal"
    weights = {"use_bias": not batch_norm, "kernel_initializer": spread, "name": f"{name}_conv"}
    if kernel == strides == (1, 1):
        # The same arithmetic as a matrix product over the cells, whose weights' gradient is a
        # quarter to a third cheaper on a CPU when maps are small.
        x = layers.Dense(filters, **weights)(x)
    else:
        x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, **weights)(x)
    x = normalise(x, name) if batch_norm else x
    return layers.ReLU(name=f"{name}_relu")(x)


def normalise(x: Any, name: str) -> Any:
    """Return `x` [n, session, factor, channel] under batch normalisation (Ioffe and Szegedy 2015).

    With a short memory: a training has a few hundred steps, and 0.99 would still hold the start.
    """
    return load_keras().layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def pool(
    x: Any, window: int, strides: Pair, name: str, *, padding: str = "same", mean: bool = False
) -> Any:
    """Return the maximum (or mean) of `x` over square windows, cut to the map where it is small.

    Cut, because a VALID window larger than the map leaves no cells, and the mean of no cells is
    NaN: the loss would be NaN from the first step on.
    """
    layers = load_keras().layers
    size = (
        (window, window)
        if padding == "same"
        else (min(window, x.shape[1]), min(window, x.shape[2]))
    )
    kind = layers.AveragePooling2D if mean else layers.MaxPooling2D
    return kind(size, strides=strides, padding=padding, name=name)(x)


def classify(features: Any, config: Any) -> Any:
    """Return the outputs [n, n_outputs] (float32) of `features` [n, feature], after dropout.

    Keras drops in training alone; a forecast sees every feature. `config` has `dropout`,
    `dropout_seed` and `n_outputs`. These are the last layers of every network: what enters
    ``logit`` is its embedding of the image.
    """
    layers = load_keras().layers
    features = layers.Dropout(config.dropout, seed=config.dropout_seed, name="dropout")(features)
    return layers.Dense(config.n_outputs, dtype="float32", name="logit")(features)


def _numbers(value: Any) -> list[int]:
    if isinstance(value, Iterable):
        return [number for item in value for number in _numbers(item)]
    return [value]
