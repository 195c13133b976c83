"""Fine-tuning with early layers frozen: their bytes stay, the others move; and what is replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.learning import TrainingSet, TrainingSettings
from factorprism.learning.fine_tuning import check_frozen_layers, draw_replay
from factorprism.models import build_network, load_bundle
from quiet_training import train_quietly


def read_weights(network: Any) -> dict[str, list[bytes]]:
    return {
        layer.name: [np.asarray(weight).tobytes() for weight in layer.get_weights()]
        for layer in network.layers
        if layer.weights
    }


def test_frozen_layers_of_a_fine_tuned_bundle_keep_every_byte(
    make_training_set: Callable[..., TrainingSet],
    quick_settings: TrainingSettings,
    tmp_path: Path,
) -> None:
    training_set = make_training_set(900, strength=1.5)
    settings = replace(
        quick_settings, epochs=1, n_folds=0, frozen_layers=("stem", "stage0_module0_one")
    )
    # From scratch nothing may be frozen: random weights would stay.
    champion = train_quietly(training_set, settings, tmp_path / "old")
    start = {"mode": "fine_tune", "initial": champion.bundle}
    tuned = train_quietly(training_set, settings, tmp_path / "new", **start)
    fresh = build_network("inception_tiny", training_set.input_shape, dropout_seed=3)
    old, new = (
        read_weights(load_bundle(one.bundle, one.record.artefact_hash).network)
        for one in (champion, tuned)
    )
    frozen = {name for name in old if name.startswith(("stem", "stage0_module0_one"))}
    kept = {name for name in old if old[name] == new[name]}

    # The stem's batch normalisation among them, with its moving averages.
    assert frozen == {"stem_conv", "stem_norm", "stage0_module0_one_conv"}
    assert kept == frozen
    assert list(tuned.record.spec["settings"]["frozen_layers"]) == list(settings.frozen_layers)
    assert read_weights(fresh)["stem_conv"] != old["stem_conv"]


@pytest.mark.parametrize(
    ("frozen", "named"),
    [(("stm",), "'stm'"), (("stem", "dropout"), "'dropout'"), (("s", "l"), "all")],
)
def test_layers_that_cannot_be_frozen_are_refused(frozen: tuple[str, ...], named: str) -> None:
    network = build_network("inception_tiny", (8, 4, 1))
    with pytest.raises(ConfigurationError, match=named) as caught:
        check_frozen_layers(network, frozen)
    assert "stem, stage0, logit" in caught.value.remedy
    assert check_frozen_layers(network, ("stem", "stage0")) == ("stem", "stage0")


def test_an_empty_name_would_freeze_all_and_is_refused() -> None:
    with pytest.raises(ValueError, match="frozen_layers"):
        TrainingSettings(frozen_layers=("",))


def test_new_rows_come_whole_and_old_ones_by_a_draw() -> None:
    settings = TrainingSettings(replay_sessions=20, seed=4)
    train = np.arange(100, 400)
    shown = draw_replay(train, 250, settings)

    assert np.array_equal(shown[-50:], train[250:])
    assert len(shown) == 70
    assert len(set(shown[:20]) & set(train[:250])) == 20
    assert (np.diff(shown) > 0).all()
    assert np.array_equal(shown, draw_replay(train, 250, settings))
    assert np.array_equal(draw_replay(train, 5, settings), train)
    assert np.array_equal(draw_replay(train, 0, settings), train)
