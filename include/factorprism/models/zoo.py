"""The networks by name; a new one is a config, a builder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.models.inception import InceptionConfig, build_inception


@dataclass(frozen=True)
class Architecture:
    """How one named network is configured and built."""

    config: Callable[..., Any]
    build: Callable[[tuple[int, int, int], Any], Any]


_NETWORKS = {
    "inception": Architecture(InceptionConfig, build_inception),
    "inception_tiny": Architecture(InceptionConfig.tiny, build_inception),
}


def network_names() -> tuple[str, ...]:
    """Return the names that `build_network` knows."""
    return tuple(sorted(_NETWORKS))


def network_config(name: str, **overrides: Any) -> Any:
    """Return the configuration of network `name` with `overrides`.

    Raises `ConfigurationError` for an unknown name, ``ValueError`` for a value out of range.
    """
    if name not in _NETWORKS:
        raise ConfigurationError(
            f"no network is called {name!r}", remedy=f"Known: {', '.join(network_names())}."
        )
    return _NETWORKS[name].config(**overrides)


def build_network(name: str, input_shape: tuple[int, int, int], **overrides: Any) -> Any:
    """Return network `name` as a `keras.Model` from [n, *input_shape] to logits [n, 1].

    `input_shape` is (lookback, factors, channels); `overrides` are fields of its configuration.
    Raises as `network_config` does.
    """
    config = network_config(name, **overrides)
    return _NETWORKS[name].build(input_shape, config)
