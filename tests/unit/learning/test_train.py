"""Candidates end to end on small markets: what they record, repeat, and never read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ArtefactError, LookAheadError
from factorprism.evaluation import evaluate_candidate, skill_sentence
from factorprism.learning import Candidate, TrainingSet, TrainingSettings, build_training_set
from factorprism.learning.recipe import forecast_rows, hold_out
from factorprism.models import load_bundle
from factorprism.targets import DIRECTION
from quiet_training import train_quietly

Trainer = Callable[..., Candidate]


@pytest.fixture(scope="module")
def train(quick_settings: TrainingSettings) -> Trainer:
    def run(
        training_set: TrainingSet,
        folder: Path,
        settings: TrainingSettings = quick_settings,
        **changes: Any,
    ) -> Candidate:
        return train_quietly(training_set, settings, folder, **changes)

    return run


@pytest.fixture(scope="module")
def readable(make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    return make_training_set(900, strength=1.5)


@pytest.fixture(scope="module")
def champion(
    readable: TrainingSet, train: Trainer, tmp_path_factory: pytest.TempPathFactory
) -> Candidate:
    return train(readable, tmp_path_factory.mktemp("champion"))


def test_the_record_says_what_was_read(champion: Candidate, readable: TrainingSet) -> None:
    record = champion.record
    bundle = load_bundle(champion.bundle, record.artefact_hash)

    assert record.model_id == bundle.model_id == f"inception_tiny-{record.artefact_hash[:12]}"
    assert (record.universe, record.mode, record.parent_id) == ("hs300", "retrain", "")
    assert (record.lookback, record.horizon) == (8, 3)
    assert (record.factors, record.channels) == (
        readable.image_set.factors,
        readable.image_set.channels,
    )
    assert record.trained_from == readable.session_at(5)
    assert bundle.spec["bases"]["return_up"] > 0.0 > bundle.spec["bases"]["return_down"]
    # The holdout's first sample is the first session after everything that was read.
    assert readable.rows_after(record.trained_through).tolist() == readable.samples[-80:].tolist()


def test_a_market_that_can_be_read_shows_skill(champion: Candidate, readable: TrainingSet) -> None:
    evaluations = evaluate_candidate(champion, readable, seed=3)

    assert skill_sentence(evaluations, DIRECTION).startswith("Better than the base rate by itself")
    assert {item.n_sessions for item in evaluations} == {80}
    assert {item.kind for item in evaluations} == {"walk_forward"}
    assert {item.model_id for item in evaluations} == {champion.record.model_id}


def test_what_the_contest_has_evaluated_is_pooled_with_the_holdout(
    champion: Candidate, readable: TrainingSet, train: Trainer, tmp_path: Path
) -> None:
    """The last of the out-of-sample rows lies in the holdout, which the candidate itself is
    evaluated on."""
    rows = readable.samples[-181:-79]
    bases = {"base_rate": 0.5, "return_up": 0.01, "return_down": -0.01}
    out_of_sample = hold_out(readable, rows, np.zeros((len(rows), 1)), DIRECTION.identity, bases)
    candidate = train(readable, tmp_path, out_of_sample_folds=out_of_sample)

    assert candidate.record == champion.record
    assert len(candidate.held_out) == 101 + 80


def test_a_market_of_chance_shows_none_and_forecasts_the_base_rate(
    make_training_set: Callable[..., TrainingSet], train: Trainer, tmp_path: Path
) -> None:
    chance = make_training_set(900, strength=0.0, seed=8)
    candidate = train(chance, tmp_path)
    bundle = load_bundle(candidate.bundle, candidate.record.artefact_hash)
    forecasts = forecast_rows(bundle, chance, chance.samples[-20:]).values["p_up"]

    evaluations = evaluate_candidate(candidate, chance, seed=3)
    assert skill_sentence(evaluations, DIRECTION).startswith("No skill shown")
    assert np.abs(forecasts - candidate.record.bases["base_rate"]).max() < 0.15


def test_the_same_data_and_seed_give_the_same_model(
    champion: Candidate, readable: TrainingSet, train: Trainer, tmp_path: Path
) -> None:
    again = train(readable, tmp_path)

    assert again.record == champion.record
    assert np.array_equal(again.held_out.values["p_up"], champion.held_out.values["p_up"])


def test_the_holdout_changes_nothing_in_the_model(
    champion: Candidate, readable: TrainingSet, train: Trainer, tmp_path: Path
) -> None:
    """Closes and factors after `trained_through` are replaced; the weights must not move."""
    first = int(readable.rows_after(champion.record.trained_through)[0])
    cube, closes = readable.image_set.cube.copy(), readable.closes.copy()
    generator = np.random.default_rng(1)
    cube[first:] = generator.normal(5.0, 3.0, cube[first:].shape)
    closes[first:] = generator.uniform(500.0, 2000.0, len(closes) - first)
    altered = build_training_set(
        replace(readable.image_set, cube=cube), closes, DIRECTION, readable.horizon, readable.as_of
    )
    candidate = train(altered, tmp_path)

    # The spec names the images that it was given, and is another.
    for name in ("model.keras", "normaliser.json", "calibration.json"):
        assert (candidate.bundle / name).read_bytes() == (champion.bundle / name).read_bytes()
    assert not np.array_equal(candidate.held_out.values["p_up"], champion.held_out.values["p_up"])


def test_fine_tuning_starts_from_the_champion_and_keeps_its_scaler(
    champion: Candidate, readable: TrainingSet, train: Trainer, tmp_path: Path
) -> None:
    heard: list[str] = []
    tuned = train(
        readable,
        tmp_path,
        mode="fine_tune",
        initial=champion.bundle,
        initial_hash=champion.record.artefact_hash,
        progress=heard.append,
    )
    old = load_bundle(champion.bundle, champion.record.artefact_hash)
    new = load_bundle(tuned.bundle, tuned.record.artefact_hash)

    assert tuned.record.parent_id == champion.record.model_id
    assert tuned.record.trained_through >= champion.record.trained_through
    assert np.array_equal(new.normaliser.scale, old.normaliser.scale)
    moved = [
        np.abs(a - b).max()
        for a, b in zip(new.network.get_weights(), old.network.get_weights(), strict=True)
    ]
    assert 0.0 < max(moved) < 1.0
    # Its weights have seen the earlier folds: the holdout alone may evaluate it.
    assert len(tuned.held_out) == 80
    assert len(heard) == 1
    assert heard[0].startswith("fine_tune: ")


def test_fine_tuning_is_refused_when_nothing_is_left_to_evaluate_on(
    champion: Candidate,
    make_training_set: Callable[..., TrainingSet],
    train: Trainer,
    tmp_path: Path,
) -> None:
    with pytest.raises(LookAheadError, match="no matured session"):
        train(
            make_training_set(700, strength=1.5),
            tmp_path,
            mode="fine_tune",
            initial=champion.bundle,
        )


def test_a_champion_of_other_data_is_no_start(
    champion: Candidate, readable: TrainingSet, train: Trainer, tmp_path: Path
) -> None:
    other = replace(readable, image_set=replace(readable.image_set, channels=("^GSPC",)))

    with pytest.raises(ArtefactError, match="channels"):
        train(other, tmp_path, mode="fine_tune", initial=champion.bundle)
    with pytest.raises(ArtefactError, match="hash"):
        train(readable, tmp_path, mode="fine_tune", initial=champion.bundle, initial_hash="0" * 64)


@pytest.mark.parametrize(
    ("mode", "initial"), [("auto", None), ("fine_tune", None), ("retrain", Path("x"))]
)
def test_a_mode_without_its_start_is_refused(
    readable: TrainingSet, train: Trainer, tmp_path: Path, mode: str, initial: Path | None
) -> None:
    with pytest.raises(ValueError, match=r"mode|initial"):
        train(readable, tmp_path, mode=mode, initial=initial)
