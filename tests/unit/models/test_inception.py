"""The Inception network: its configuration and its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from factorprism.models import (
    InceptionConfig,
    InceptionModule,
    build_inception,
)
from factorprism.models.backend import load_keras


def test_two_builds_have_the_same_configuration() -> None:
    config = InceptionConfig.tiny()
    first = build_inception((12, 6, 1), config)
    second = build_inception((12, 6, 1), config)

    assert first.get_config() == second.get_config()


def test_a_saved_network_gives_equal_logits(tmp_path: Path) -> None:
    keras = load_keras()
    network = build_inception((12, 6, 2), InceptionConfig.tiny())
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    images = np.random.default_rng(1).normal(size=(5, 12, 6, 2)).astype(np.float32)

    assert np.array_equal(np.asarray(network(images)), np.asarray(loaded(images)))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"stem_filters": 0}, "stem_filters"),
        ({"stem_strides": (0, 2)}, "stem_strides"),
        ({"stages": ()}, "stages"),
        ({"dropout": 1.0}, "dropout"),
        ({"padding": "full"}, "padding"),
    ],
)
def test_an_impossible_configuration_names_its_field(change: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        InceptionConfig(**change)  # type: ignore[arg-type]


def test_a_branch_without_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="five"):
        InceptionModule(4, 4, 4, 4, 0, 4)
