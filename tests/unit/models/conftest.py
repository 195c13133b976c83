"""A small trained-looking bundle and images for the tests of the models."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.factors import Normaliser
from factorprism.models import build_network, save_bundle
from factorprism.models.backend import load_keras

INPUT_SHAPE, FULL_SHAPE = (12, 6, 2), (56, 16, 4)


@pytest.fixture(scope="session")
def full_network() -> Callable[[str], Any]:
    """Give the network of a name at the house's own size, built once: to be read, never changed."""
    return cache(lambda name: build_network(name, FULL_SHAPE))


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Un-normalised images, float32 [40, 12, 6, 2]."""
    values = np.random.default_rng(3).normal(50.0, 20.0, (40, *INPUT_SHAPE))
    return values.astype(np.float32)


@pytest.fixture(scope="session")
def normaliser(images: np.ndarray) -> Normaliser:
    return Normaliser.fit(images.reshape(-1, *INPUT_SHAPE[1:]))


@pytest.fixture(scope="session")
def bundle_parts(normaliser: Normaliser) -> dict[str, Any]:
    load_keras().utils.set_random_seed(5)
    return {
        "network": build_network("inception_tiny", INPUT_SHAPE),
        "normaliser": normaliser,
        "calibration": {"slope": 0.25, "intercept": 0.1},
        "spec": {"architecture": "inception_tiny", "input_shape": list(INPUT_SHAPE), "threads": 1},
    }


@pytest.fixture
def saved(tmp_path: Path, bundle_parts: dict[str, Any]) -> tuple[Path, str]:
    """A bundle's folder and its manifest hash."""
    folder = tmp_path / "bundle"
    return folder, save_bundle(folder, **bundle_parts)
