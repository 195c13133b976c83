"""Models never change, their figures are replaced, and every decision on the champion stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from default_signal import SIGNAL
from factorprism.core.errors import ArtefactError, WarehouseError
from factorprism.core.models import Evaluation, TrainingSummary
from ledger_rows import make_promotion, make_record

RECORD = make_record(
    spec={"filters": [16, 32], "dropout": 0.1, "scaler": {"mean": np.float32(0.5)}}
)
EVALUATION = Evaluation(
    model_id="inception-1",
    kind="walk_forward",
    metric="log_loss",
    value=0.69,
    lower=0.67,
    upper=0.71,
    reference=0.6914,
    first=date(2015, 1, 5),
    last=date(2019, 12, 31),
    n_sessions=1200,
)
PROMOTION = make_promotion(numbers={"gain": 0.01, "lower": float("-inf"), "share": float("nan")})


def test_model_comes_back_as_it_was(warehouse):
    warehouse.models.save_model(RECORD)
    loaded = warehouse.models.load_model("inception-1")
    assert loaded == replace(
        RECORD, spec={"filters": [16, 32], "dropout": 0.1, "scaler": {"mean": 0.5}}
    )


def test_model_never_changes(warehouse):
    warehouse.models.save_model(RECORD)
    warehouse.models.save_model(replace(RECORD, bases={"base_rate": 0.1}))
    assert warehouse.models.load_model("inception-1").bases["base_rate"] == 0.53


def test_unknown_model_is_named_beside_those_there_are(warehouse):
    with pytest.raises(ArtefactError, match="inception-9") as caught:
        warehouse.models.load_model("inception-9")
    assert caught.value.remedy == "There is none yet. Train one: factorprism train."
    warehouse.models.save_model(RECORD)
    with pytest.raises(ArtefactError, match="inception-9") as caught:
        warehouse.models.load_model("inception-9")
    assert caught.value.remedy == "The newest: inception-1. All: factorprism models list."


def test_models_are_listed_by_their_training_end(warehouse):
    records = [
        replace(RECORD, model_id="c", trained_through=date(2018, 1, 2)),
        replace(RECORD, model_id="b"),
        replace(RECORD, model_id="a"),
        replace(RECORD, model_id="d", signal="us-direction-14"),
        replace(RECORD, model_id="e", signal="hs300-direction-5"),
    ]
    for record in records:
        warehouse.models.save_model(record)
    assert [item.model_id for item in warehouse.models.list_models(SIGNAL)] == [
        "c",
        "a",
        "b",
    ]


def test_a_training_is_kept_once(warehouse):
    training = TrainingSummary(
        "inception-1", ({"epoch": 1.0, "loss": 0.7},), {"kind": "median_iqr"}
    )
    warehouse.models.save_model(RECORD)
    assert warehouse.models.load_training("inception-1") is None
    warehouse.models.save_training(training)
    warehouse.models.save_training(replace(training, epochs=()))
    assert warehouse.models.load_training("inception-1") == training


def test_figures_are_replaced_by_their_key(warehouse):
    warehouse.models.save_model(RECORD)
    contest = replace(EVALUATION, kind="contest", reference=float("nan"))
    warehouse.models.save_evaluations([EVALUATION, contest])
    better = replace(EVALUATION, value=0.6)
    warehouse.models.save_evaluations([better])
    warehouse.models.save_evaluations([])
    loaded = warehouse.models.load_evaluations("inception-1")
    assert [str(item) for item in loaded] == [str(contest), str(better)]


def test_figures_of_an_unknown_model_are_refused(warehouse):
    with pytest.raises(WarehouseError, match="fk_evaluations_model_id"):
        warehouse.models.save_evaluations([EVALUATION])


def test_rivals_save_the_same_model_and_figures(open_rivals, run_together):
    metrics = [replace(EVALUATION, metric=f"metric {i}") for i in range(20)]

    def save(rival, figures):
        rival.models.save_model(RECORD)
        rival.models.save_evaluations(figures)

    rivals = open_rivals(4)
    run_together(
        *(
            lambda w=w, figures=metrics[:: 1 - 2 * (i % 2)]: save(w, figures)
            for i, w in enumerate(rivals)
        )
    )
    assert len(rivals[0].models.load_evaluations("inception-1")) == 20


def test_a_decision_is_written_once(warehouse):
    assert warehouse.models.append_promotion(PROMOTION)
    assert not warehouse.models.append_promotion(replace(PROMOTION, reason="another"))
    (held,) = warehouse.models.list_promotions(SIGNAL)
    assert str(held) == str(PROMOTION)


def test_a_second_decision_of_an_evening_is_a_row_of_its_own(warehouse):
    rollback = replace(PROMOTION, promoted=False, champion_id="b", kind="rollback", number=1)
    assert warehouse.models.append_promotion(PROMOTION)
    assert warehouse.models.append_promotion(rollback)
    assert not warehouse.models.append_promotion(rollback)
    listed = warehouse.models.list_promotions(SIGNAL)
    assert [(item.kind, item.number) for item in listed] == [("contest", 0), ("rollback", 1)]


def test_decisions_are_listed_oldest_first(warehouse):
    for as_of, candidate in (
        (date(2020, 1, 10), "c"),
        (date(2020, 1, 3), "b"),
        (date(2020, 1, 10), "a"),
    ):
        warehouse.models.append_promotion(
            replace(PROMOTION, as_of=as_of, candidate_id=candidate, promoted=False)
        )
    warehouse.models.append_promotion(replace(PROMOTION, signal="us-direction-14"))
    listed = warehouse.models.list_promotions(SIGNAL)
    assert [item.candidate_id for item in listed] == ["b", "c", "a"]


def test_a_promoted_candidate_must_be_champion(warehouse):
    with pytest.raises(WarehouseError, match="promoted_is_champion"):
        warehouse.models.append_promotion(replace(PROMOTION, champion_id="other"))


def test_image_set_is_recorded_once(warehouse, run_sql):
    for path in ("sets/a.npz", "sets/b.npz"):
        warehouse.models.save_image_set(
            "c" * 64, "image4", date(2006, 1, 4), date(2020, 1, 3), {"lookback": 56}, path
        )
    assert run_sql("SELECT path, spec FROM prism.image_sets") == [("sets/a.npz", {"lookback": 56})]
