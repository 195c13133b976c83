"""The networks are Keras alone: each array library that is installed builds and trains them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

TRAIN = """
import numpy as np
from factorprism.models import build_network, training_form
from factorprism.models.backend import load_keras
from factorprism.learning.batches import Samples
from factorprism.learning.fit import FitSettings, fit

keras = load_keras()
cube = np.random.default_rng(1).normal(size=(43, 6, 2)).astype("float32")
rows = np.arange(11, 43)
samples = Samples(cube, rows, (rows % 2).astype("float32"), 12)
variants = [(f"{name}_tiny", {}) for name in ("inception", "inception_time", "nin", "resnet")]
variants.append(("googlenet_tiny", {"normalisation": "lrn", "auxiliary_heads": True}))
for name, overrides in variants:
    network = build_network(name, (12, 6, 2), **overrides)
    before = [np.array(weight) for weight in network.get_weights()]
    form = training_form(name, **overrides)
    result = fit(
        network, samples, samples, FitSettings(epochs=1, batch_size=16, threads=1),
        loss="log_loss", training_form=form
    )
    assert np.isfinite(result.history[-1]["val_log_loss"]), name
    after = network.get_weights()
    assert any(not np.array_equal(old, new) for old, new in zip(before, after)), name
print(keras.backend.backend(), len(variants))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_tiny_networks_train_on_another_backend(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; it is an alternative to TensorFlow")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[0] == backend
