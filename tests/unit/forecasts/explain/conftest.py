"""Networks whose reasons are known, and a window for them to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from factorprism.factors import Normaliser
from factorprism.forecasts import ImageWindow, encode_window
from factorprism.market.panels import ImageSet
from factorprism.models import ModelBundle, build_network
from factorprism.models.backend import load_keras
from factorprism.targets import DIRECTION

LOOKBACK = 16
FACTORS = ("roc_12", "adx_14", "natr_14", "volume_ratio_20", "rsi_14", "unheard_of_7")
CHANNELS = ("000300.SH", "000905.SH")
SHAPE = (LOOKBACK, len(FACTORS), len(CHANNELS))


@pytest.fixture(scope="session")
def image_set() -> ImageSet:
    cube = np.random.default_rng(7).normal(50.0, 20.0, (60, *SHAPE[1:])).astype(np.float32)
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    return ImageSet(CHANNELS, FACTORS, days, cube, LOOKBACK)


@pytest.fixture(scope="session")
def window(image_set: ImageSet) -> ImageWindow:
    return encode_window(image_set, image_set.sessions[-1].astype(object))


@pytest.fixture(scope="session")
def make_bundle(image_set: ImageSet) -> Callable[[Any], ModelBundle]:
    normaliser = Normaliser.fit(image_set.cube)

    def make(network: Any) -> ModelBundle:
        network.compile(jit_compile=False)
        spec = {"architecture": network.name, "input_shape": list(SHAPE)}
        return ModelBundle(network, normaliser, DIRECTION.identity, spec, "0" * 64)

    return make


@pytest.fixture(scope="session")
def linear_bundle(make_bundle: Callable[[Any], ModelBundle]) -> Callable[..., ModelBundle]:
    """Build a network without convolutions whose logit is a weighted sum of the image's cells."""

    def make(weights: np.ndarray) -> ModelBundle:
        keras = load_keras()
        image = keras.layers.Input(SHAPE, name="image")
        flat = keras.layers.Flatten(name="flat")(image)
        logit = keras.layers.Dense(1, name="logit")(flat)
        network = keras.Model(image, logit, name="linear")
        network.set_weights([weights.reshape(-1, 1), np.zeros(1)])
        return make_bundle(network)

    return make


@pytest.fixture(scope="session")
def inception_bundle(make_bundle: Callable[[Any], ModelBundle]) -> Callable[[int], ModelBundle]:
    def make(seed: int) -> ModelBundle:
        load_keras().utils.set_random_seed(seed)
        return make_bundle(build_network("inception_tiny", SHAPE))

    return make
