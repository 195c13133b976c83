"""A training spread over two devices, here two halves of a CPU, and its copy back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from factorprism.models._processor import name_processor

TRAIN = """
import sys
import numpy as np
import tensorflow as tf
from factorprism.models import build_network
from factorprism.models.backend import list_replicas, name_device, replica_scope
from factorprism.learning.batches import Samples
from factorprism.learning.fit import FitSettings, fit, predict_outputs

if int(sys.argv[1]) > 1:
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1])
    tf.config.set_logical_device_configuration(cpu, parts)
cube = np.random.default_rng(1).normal(size=(75, 6, 2)).astype("float32")
rows = np.arange(11, 75)
samples = Samples(cube, rows, (cube[rows, 0, 0] > 0).astype("float32"), 12)
tf.keras.utils.set_random_seed(3)
network = build_network("mlp_tiny", (12, 6, 2))
before = [np.array(weight) for weight in network.get_weights()]
settings = FitSettings(epochs=3, batch_size=16, patience=3, threads=1)
result = fit(network, samples, samples, settings, loss="log_loss")
logits = predict_outputs(network, samples)[:, 0]
labels = np.ravel(samples.gather()[1])
log_loss = np.mean(np.logaddexp(0, logits) - labels * logits)
best = min(row["val_log_loss"] for row in result.history)
changed = any(not np.array_equal(a, b) for a, b in zip(before, network.get_weights()))
with replica_scope():
    mirrored = type(tf.Variable(1.0)).__name__
print(len(list_replicas()), mirrored, changed, abs(log_loss - best) < 1e-4, name_device(), sep="|")
"""


@pytest.mark.parametrize(
    ("devices", "replicas", "variable"),
    [(1, "0", "ResourceVariable"), (2, "2", "MirroredVariable")],
)
def test_the_network_has_learned_what_its_best_epoch_has_shown(
    devices: int, replicas: str, variable: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(devices)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    facts = done.stdout.splitlines()[-1].split("|")
    assert facts == [replicas, variable, "True", "True", f"CPU {name_processor()}"]
