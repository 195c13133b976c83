"""The contest: equal terms, a rule with numbers, a reason for every outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from factorprism.core.errors import PromotionError
from factorprism.core.models import ModelRecord
from factorprism.factors import Normaliser
from factorprism.learning import TrainingSet
from factorprism.learning.train import make_record
from factorprism.models import ModelBundle, load_bundle, save_bundle
from factorprism.models.backend import load_keras
from factorprism.selection import PromotionRule, compare, decide_promotion
from factorprism.targets import DIRECTION, target_of

pytestmark = pytest.mark.slow  # builds networks

RULE = PromotionRule(margin=0.0, min_sessions=60)
Model = tuple[ModelBundle, ModelRecord]
Maker = Callable[..., Model]


@pytest.fixture(scope="module")
def market(make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    return make_training_set(500, strength=1.5)


@pytest.fixture(scope="module")
def make_model(market: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Models whose logit is `gain` times the mean of the image's factor 0, plus `shift`."""

    def make(gain: float, through_row: int = 350, shift: float = 0.0, **known: object) -> Model:
        keras = load_keras()
        image = keras.layers.Input(market.input_shape, name="image")
        mean = keras.layers.AveragePooling2D((8, 1), name="mean")(image)
        logit = keras.layers.Dense(1, name="logit")(keras.layers.Flatten(name="flat")(mean))
        network = keras.Model(image, logit, name="plain")
        weights = np.zeros((4, 1), np.float32)
        weights[0] = gain
        network.set_weights([weights, np.zeros(1, np.float32)])
        image_set = market.image_set
        spec = {
            "architecture": "plain",
            "input_shape": list(market.input_shape),
            "channels": list(image_set.channels),
            "factors": list(image_set.factors),
            "signal": "hs300-direction-14",
            "target": "direction",
            "universe": "hs300",
            "horizon": market.horizon,
            "trained_from": market.session_at(5).isoformat(),
            "trained_through": market.session_at(through_row).isoformat(),
            "n_samples": 300,
            "bases": {"base_rate": 0.5},
            "data_hash": "d" * 64,
            "mode": "retrain",
            "parent_id": "",
            "threads": 2,
            **known,
        }
        folder: Path = tmp_path_factory.mktemp("model") / "bundle"
        manifest_hash = save_bundle(
            folder,
            network=network,
            normaliser=Normaliser.fit(image_set.cube[:300]),
            calibration={"slope": 1.0, "intercept": shift},
            spec=spec,
        )
        return load_bundle(folder, manifest_hash), make_record(spec, manifest_hash)

    return make


def test_a_better_candidate_becomes_champion(market: TrainingSet, make_model: Maker) -> None:
    decision = decide_promotion(*make_model(-1.0), *make_model(1.0), market, RULE, seed=0)

    assert decision.promoted
    assert decision.reason.startswith("The candidate is better: over 146 sessions")
    assert decision.numbers["gain"] > 0.1
    assert decision.numbers["gain_lower"] > 0.0
    assert {item.kind for item in decision.evaluations} == {"contest"}
    assert len({item.model_id for item in decision.evaluations}) == 2


def test_a_worse_candidate_does_not(market: TrainingSet, make_model: Maker) -> None:
    decision = decide_promotion(*make_model(1.0), *make_model(-1.0), market, RULE, seed=0)

    assert not decision.promoted
    assert decision.reason.startswith("The champion stays")


def test_an_equal_candidate_does_not(market: TrainingSet, make_model: Maker) -> None:
    decision = decide_promotion(*make_model(1.0), *make_model(1.0), market, RULE, seed=0)

    assert not decision.promoted
    assert decision.numbers["gain"] == 0.0


def test_a_gain_within_the_margin_does_not(market: TrainingSet, make_model: Maker) -> None:
    decision = decide_promotion(
        *make_model(-1.0), *make_model(1.0), market, replace(RULE, margin=5.0), seed=0
    )

    assert not decision.promoted
    assert "margin of 5.0000" in decision.reason


def test_a_gain_by_luck_does_not(market: TrainingSet, make_model: Maker) -> None:
    strict = replace(RULE, confidence=1.0)
    decision = decide_promotion(*make_model(1.0), *make_model(2.0), market, strict, seed=0)

    assert 0.0 < decision.numbers["confidence"] < 1.0, decision.reason
    assert not decision.promoted


def test_only_sessions_after_both_trainings_count(market: TrainingSet, make_model: Maker) -> None:
    champion, candidate = make_model(1.0, through_row=400), make_model(-1.0, through_row=380)
    decision = decide_promotion(*champion, *candidate, market, RULE, seed=0)
    late = decide_promotion(*make_model(1.0, through_row=450), *candidate, market, RULE, seed=0)

    assert decision.numbers["n_sessions"] == 96
    assert min(item.first for item in decision.evaluations) == market.session_at(401)
    assert not late.promoted
    assert late.reason.startswith("Only 46 matured sessions follow")


def test_the_first_candidate_becomes_champion_with_its_skill_sentence(
    market: TrainingSet, make_model: Maker
) -> None:
    decision = decide_promotion(None, None, *make_model(1.0), market, RULE, seed=0)

    assert decision.promoted
    said = "There was no champion yet. Better than the base rate by itself: over 146"
    assert decision.reason.startswith(said)
    assert decision.numbers["n_sessions"] == 146


def test_a_champion_that_no_longer_fits_gives_way(market: TrainingSet, make_model: Maker) -> None:
    bundle, record = make_model(1.0)
    fewer = replace(record, factors=record.factors[:3])
    decision = decide_promotion(bundle, fewer, *make_model(-1.0), market, RULE, seed=0)

    assert decision.promoted
    assert "no longer fits the data: its factors are" in decision.reason


def test_the_decision_repeats_with_its_seed(market: TrainingSet, make_model: Maker) -> None:
    models = (*make_model(1.0), *make_model(1.3))

    assert decide_promotion(*models, market, RULE, seed=1) == decide_promotion(
        *models, market, RULE, seed=1
    )


def test_an_impossible_rule_names_its_field() -> None:
    with pytest.raises(ValueError, match="margin"):
        PromotionRule(margin=-0.1)
    with pytest.raises(ValueError, match="confidence"):
        PromotionRule(confidence=1.5)
    with pytest.raises(ValueError, match="calibration_tolerance"):
        PromotionRule(calibration_tolerance=-0.01)


def test_a_better_candidate_that_is_worse_calibrated_does_not_become_champion(
    market: TrainingSet, make_model: Maker
) -> None:
    models = (*make_model(0.0), *make_model(1.5, shift=1.5))
    decision = decide_promotion(*models, market, RULE, seed=0)

    assert decision.numbers["gain_lower"] > 0.0
    assert decision.numbers["miscalibration_exceedance_lower"] > RULE.calibration_tolerance
    assert not decision.promoted
    assert decision.reason.startswith("The champion stays: over 146 sessions")
    assert "probabilities are worse calibrated: miscalibration costs it 0.1" in decision.reason
    lenient = decide_promotion(*models, market, replace(RULE, calibration_tolerance=0.2), seed=0)
    assert lenient.promoted
    assert "calibrated" not in lenient.reason


def test_miscalibration_within_its_noise_is_no_obstacle(
    market: TrainingSet, make_model: Maker
) -> None:
    decision = decide_promotion(*make_model(0.0), *make_model(2.0), market, RULE, seed=0)

    numbers = decision.numbers
    assert numbers["miscalibration_candidate"] > numbers["miscalibration_champion"] - 0.1
    assert numbers["miscalibration_exceedance_upper"] > RULE.calibration_tolerance
    assert numbers["miscalibration_exceedance_lower"] < RULE.calibration_tolerance
    assert decision.promoted


LEAKS = ("mlp orders shuffled labels (AUC 0.620)", "lenet5 orders shuffled labels.")


def test_a_failed_leak_check_keeps_the_champion_whatever_the_figures(
    market: TrainingSet, make_model: Maker
) -> None:
    models = (*make_model(-1.0), *make_model(1.0))
    decision = decide_promotion(*models, market, RULE, seed=0, failed_checks=LEAKS)

    assert not decision.promoted
    assert decision.reason == (
        "The champion stays: 2 leak checks failed: mlp orders shuffled labels (AUC 0.620); "
        "lenet5 orders shuffled labels."
    )
    assert decision.numbers["failed_checks"] == 2.0
    assert decision.numbers["gain"] > 0.1
    assert decision.evaluations


def test_a_failed_leak_check_leaves_no_champion(market: TrainingSet, make_model: Maker) -> None:
    decision = decide_promotion(
        None, None, *make_model(1.0), market, RULE, seed=0, failed_checks=LEAKS[:1]
    )

    assert not decision.promoted
    assert decision.reason.startswith("Nobody becomes champion: 1 leak check failed: mlp orders")


def test_a_failed_leak_check_keeps_even_a_champion_that_no_longer_fits(
    market: TrainingSet, make_model: Maker
) -> None:
    bundle, record = make_model(1.0)
    fewer = replace(record, factors=record.factors[:3])
    decision = decide_promotion(
        bundle, fewer, *make_model(-1.0), market, RULE, seed=0, failed_checks=LEAKS[:1]
    )
    assert not decision.promoted


def test_the_return_is_evaluated_where_the_bundle_knows_its_scale(
    market: TrainingSet, make_model: Maker
) -> None:
    bases = {"base_rate": 0.5, "return_up": 0.02, "return_down": -0.02}
    first = make_model(1.0)
    paired = compare(first, make_model(1.0, bases=bases), market, seed=0)

    with_return = {item.model_id for item in paired.evaluations if item.metric == "mae"}
    assert len({item.model_id for item in paired.evaluations}) == 2
    assert with_return == {
        item.model_id for item in paired.evaluations if item.model_id != first[1].model_id
    }


def test_models_that_read_different_images_are_not_compared(
    market: TrainingSet, make_model: Maker
) -> None:
    bundle, record = make_model(1.0)
    with pytest.raises(PromotionError, match="its universe is us, not hs300"):
        compare((bundle, replace(record, universe="us")), make_model(2.0), market, seed=0)


def test_models_that_were_asked_something_else_are_not_compared(
    market: TrainingSet, make_model: Maker
) -> None:
    bundle, record = make_model(1.0)
    other = replace(record, spec={**record.spec, "target": "volatility"})
    with pytest.raises(PromotionError, match="its target is volatility, not direction"):
        compare((bundle, other), make_model(2.0), market, seed=0)


def test_the_bundle_of_an_earlier_release_is_a_direction_with_its_own_numbers() -> None:
    spec = {"base_rate": 0.53, "return_scale": {"up": 0.04, "down": -0.05}}
    assert target_of(spec) is DIRECTION
    assert DIRECTION.read_bases(spec) == {
        "base_rate": 0.53,
        "return_up": 0.04,
        "return_down": -0.05,
    }


def test_models_without_a_common_unread_session_are_not_compared(
    market: TrainingSet, make_model: Maker
) -> None:
    with pytest.raises(PromotionError, match="no matured session follows"):
        compare(make_model(1.0), make_model(2.0, through_row=499), market, seed=0)
