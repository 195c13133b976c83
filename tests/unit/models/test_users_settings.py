"""Neither the user's keras.json nor a variable of Keras changes what the networks compute in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BUILD = """
import os, sys
if "first" in sys.argv:
    import keras
from factorprism.models import build_network
from factorprism.models.backend import load_keras
keras = load_keras()
network = build_network("lenet5_tiny", (12, 6, 2))
kinds = {str(weight.dtype) for weight in network.weights} | {network.compute_dtype}
config = keras.config
print(*sorted(kinds), config.floatx(), config.image_data_format(), os.environ.get("KERAS_HOME"))
if "first" not in sys.argv:
    print(config.max_epochs(), config.epsilon())
"""


@pytest.mark.parametrize(
    ("place", "first"), [("HOME", False), ("KERAS_HOME", False), ("KERAS_HOME", True)]
)
def test_a_users_keras_json_stays_the_users_and_none_is_written(
    tmp_path: Path, place: str, first: bool
) -> None:
    folder = tmp_path / ".keras" if place == "HOME" else tmp_path
    folder.mkdir(exist_ok=True)
    held = {
        "floatx": "float16",
        "epsilon": 0.5,
        "backend": "torch",
        "image_data_format": "channels_first",
    }
    (folder / "keras.json").write_text(json.dumps(held))
    settings = {"HOME": str(tmp_path / "empty"), place: str(tmp_path), "KERAS_MAX_EPOCHS": "1"}
    printed = compute(settings, *(["first"] if first else []))
    home = str(tmp_path) if place == "KERAS_HOME" else "None"
    assert printed[0] == f"float32 float32 channels_last {home}"
    assert first or printed[1] == "None 1e-07"
    assert json.loads((folder / "keras.json").read_text()) == held
    assert not (tmp_path / "empty" / ".keras").exists()


def compute(settings: dict[str, str], *words: str) -> list[str]:
    bare = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, *words],
        env=bare | {"KERAS_BACKEND": "tensorflow"} | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()
