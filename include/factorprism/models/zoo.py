"""The networks by name; a new one is a config, a builder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.models._network import NetworkConfig, to_tuples
from factorprism.models.googlenet import GooglenetConfig, attach_auxiliary_heads, build_googlenet
from factorprism.models.inception import InceptionConfig, build_inception
from factorprism.models.inception_time import InceptionTimeConfig, build_inception_time
from factorprism.models.lenet5 import Lenet5Config, build_lenet5
from factorprism.models.mlp import MlpConfig, build_mlp
from factorprism.models.nin import NinConfig, build_nin
from factorprism.models.resnet import ResnetConfig, build_resnet


@dataclass(frozen=True)
class Architecture:
    """How one named network is configured and built."""

    member: Callable[[], Any]
    build: Callable[[tuple[int, int, int], Any], Any]


_NETWORKS = {
    "googlenet": Architecture(GooglenetConfig, build_googlenet),
    "googlenet_224": Architecture(GooglenetConfig.upsampled, build_googlenet),
    "googlenet_tiny": Architecture(GooglenetConfig.tiny, build_googlenet),
    "inception": Architecture(InceptionConfig, build_inception),
    "inception_tiny": Architecture(InceptionConfig.tiny, build_inception),
    "inception_time": Architecture(InceptionTimeConfig, build_inception_time),
    "inception_time_tiny": Architecture(InceptionTimeConfig.tiny, build_inception_time),
    "lenet5": Architecture(Lenet5Config, build_lenet5),
    "lenet5_tiny": Architecture(Lenet5Config.tiny, build_lenet5),
    "mlp": Architecture(MlpConfig, build_mlp),
    "mlp_tiny": Architecture(MlpConfig.tiny, build_mlp),
    "nin": Architecture(NinConfig, build_nin),
    "nin_tiny": Architecture(NinConfig.tiny, build_nin),
    "resnet18": Architecture(ResnetConfig.resnet18, build_resnet),
    "resnet50": Architecture(ResnetConfig, build_resnet),
    "resnet_tiny": Architecture(ResnetConfig.tiny, build_resnet),
}


def network_names() -> tuple[str, ...]:
    """Return the names that `build_network` knows; those that end in ``_tiny`` are for tests."""
    return tuple(sorted(_NETWORKS))


def network_config(name: str, **overrides: Any) -> Any:
    """Return the configuration of network `name` with `overrides`, whose lists become tuples.

    Raises `ConfigurationError` for an unknown name, ``ValueError`` for an unknown field or a value
    out of range.
    """
    if name not in _NETWORKS:
        raise ConfigurationError(
            f"no network is called {name!r}", remedy=f"Known: {', '.join(network_names())}."
        )
    config: NetworkConfig = _NETWORKS[name].member()
    for field in overrides:
        if field not in config.field_names():
            raise ValueError(
                f"{field}: {name} has no such field, allowed are {', '.join(config.field_names())}"
            )
    return replace(config, **to_tuples(overrides))  # type: ignore[type-var]


def build_network(name: str, input_shape: tuple[int, int, int], **overrides: Any) -> Any:
    """Return network `name` as a `keras.Model` from [n, *input_shape] to outputs [n, n_outputs].

    `input_shape` is (lookback, factors, channels); `overrides` are fields of its configuration.
    Raises as `network_config` does, and ``ValueError`` where VALID padding leaves no cells.
    """
    config = network_config(name, **overrides)
    return _NETWORKS[name].build(input_shape, config)


def training_form(name: str, **overrides: Any) -> Callable[[Any], Any] | None:
    """Return what makes of network `name` the model that `fit` trains in its place, if any.

    That model shares the network's layers, so that training it trains the network.
    """
    config = network_config(name, **overrides)
    return attach_auxiliary_heads if getattr(config, "auxiliary_heads", False) else None
