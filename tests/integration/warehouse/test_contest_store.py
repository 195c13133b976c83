"""Out-of-sample folds are kept once and whole, to the bit; a report and a reason are replaced."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from factorprism.core.contest import ContestReport, Explanation, FoldForecasts
from factorprism.core.errors import ArtefactError, WarehouseError

GENERATOR = np.random.default_rng(14)
DAYS = np.arange("2020-01-06", "2020-01-11", dtype="datetime64[D]")
FOLD = FoldForecasts(
    fold_key="a" * 64,
    signal="image4-direction-14",
    entrant="logistic",
    placebo="",
    settings={"seed": 14, "threads": 2},
    sessions=DAYS,
    columns={
        "outcome.label": np.array([1.0, 0.0, 1.0, 1.0, 0.0]),
        "outcome.forward_return": GENERATOR.normal(size=5),
        "value.p_up": GENERATOR.uniform(size=5),
        "base.p_up": np.full(5, 1 / 3),
    },
)
REPORT = ContestReport(
    "image4-direction-14",
    date(2020, 1, 10),
    "b" * 64,
    "No skill shown.",
    {"rows": [1]},
)
EXPLANATION = Explanation(
    "image4-direction-14", date(2020, 1, 10), "inception-1", attribution={"logit": 0.25}
)


def with_p_up(p_up):
    """Return the fold with other forecasts."""
    return replace(FOLD, columns={**FOLD.columns, "value.p_up": p_up})


def test_a_fold_comes_back_to_the_bit(warehouse):
    assert warehouse.contests.save_fold(FOLD)
    (held,) = warehouse.contests.load_folds([FOLD.fold_key])
    assert held.sessions.tobytes() == FOLD.sessions.tobytes()
    assert list(held.columns) == list(FOLD.columns)
    for name, column in FOLD.columns.items():
        assert held.columns[name].tobytes() == column.tobytes(), name
    assert held.settings == FOLD.settings


def test_times_are_listed_with_their_device(warehouse):
    now = datetime.now(UTC)
    devices = {"1": "CPU", "2": "GPU NVIDIA H200", "3": None}
    for place, (key, device) in enumerate(devices.items(), start=1):
        begun = now - timedelta(minutes=place)
        fold = replace(FOLD, fold_key=key * 64, begun_at=begun, device=device)
        warehouse.contests.save_fold(fold)
    held = warehouse.contests.load_folds([key * 64 for key in devices])
    assert [fold.device for fold in held] == list(devices.values())
    since = (now - timedelta(days=1)).replace(tzinfo=None)
    times = warehouse.contests.list_times("image4-direction-14", since)
    assert {one.device: round(one.seconds / 60) for one in times} == {
        "CPU": 1,
        "GPU NVIDIA H200": 2,
        None: 3,
    }


def test_a_fold_that_is_held_stays_as_it_is(warehouse):
    warehouse.contests.save_fold(FOLD)
    assert not warehouse.contests.save_fold(with_p_up(np.full(5, 0.5)))
    (held,) = warehouse.contests.load_folds([FOLD.fold_key])
    np.testing.assert_array_equal(held.columns["value.p_up"], FOLD.columns["value.p_up"])


def test_folds_come_in_the_order_asked_for(warehouse):
    keys = ["c" * 64, "a" * 64, "b" * 64]
    for key in sorted(keys):
        warehouse.contests.save_fold(replace(FOLD, fold_key=key))
    assert [fold.fold_key for fold in warehouse.contests.load_folds(keys)] == keys
    assert warehouse.contests.list_held([*keys, "d" * 64]) == set(keys)


def test_a_missing_fold_is_said(warehouse):
    with pytest.raises(ArtefactError, match="1 of 1 folds of the contest are not evaluated yet"):
        warehouse.contests.load_folds([FOLD.fold_key])


def test_trials_count_settings_and_leave_out_placebos(warehouse):
    for key, changes in {
        "1": {},
        "2": {"settings": {"seed": 15}},
        "3": {"entrant": "nin"},
        "4": {},
        "5": {"entrant": "mlp", "placebo": "shuffled_labels"},
        "6": {"entrant": "lenet5", "signal": "us-direction-14"},
    }.items():
        warehouse.contests.save_fold(replace(FOLD, fold_key=key * 64, **changes))
    assert warehouse.contests.count_trials("image4-direction-14") == 3


@pytest.mark.parametrize(
    ("fold", "rule"),
    [
        (with_p_up(np.array([0.1, 0.2, 1.2, 0.1, 0.1])), "p_up_is_ratio"),
        (with_p_up(np.array([0.1, 0.2, np.nan, 0.1, 0.1])), "p_up_is_ratio"),
        (replace(FOLD, fold_key="no hash"), "fold_key_is_sha256"),
    ],
)
def test_impossible_folds_are_refused(warehouse, fold, rule):
    with pytest.raises(WarehouseError, match=rule):
        warehouse.contests.save_fold(fold)


def test_a_report_replaces_that_of_its_session(warehouse):
    assert warehouse.contests.load_report("image4-direction-14") is None
    warehouse.contests.save_report(replace(REPORT, sentence="Another."))
    warehouse.contests.save_report(REPORT)
    earlier = replace(REPORT, as_of=date(2020, 1, 3))
    warehouse.contests.save_report(earlier)
    assert warehouse.contests.load_report("image4-direction-14") == REPORT
    assert warehouse.contests.load_report("image4-direction-14", earlier.as_of) == earlier


def test_an_explanation_replaces_that_of_its_forecast(warehouse):
    key = ("image4-direction-14", date(2020, 1, 10), "inception-1")
    assert warehouse.explanations.load_explanation(*key) is None
    warehouse.explanations.save_explanation(replace(EXPLANATION, stability={"day": 0.5}))
    warehouse.explanations.save_explanation(EXPLANATION)
    assert warehouse.explanations.load_explanation(*key) == EXPLANATION
