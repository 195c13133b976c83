"""What the factor gate finds in a panel, and how it treats the warm-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factorprism.market.findings import QualityResult
from factorprism.market.panels import FactorPanel
from gate_of_one_symbol import check_panel

RANGES = dict.fromkeys("ABCD", (-3.0, 3.0))


def _failed(results: list[QualityResult]) -> set[tuple[str, str]]:
    return {(result.expectation, result.column) for result in results if not result.success}


def _with(panel: FactorPanel, rows: slice, column: int, value: float) -> FactorPanel:
    values = panel.values.copy()
    values[rows, column] = value
    return replace(panel, values=values)


def test_a_sound_panel_holds_every_expectation(panel: FactorPanel):
    results = check_panel(panel, RANGES, 0.0)
    assert _failed(results) == set()
    assert {result.severity for result in results} == {"critical"}
    assert len(results) == 3 + 4 * 4 + 1


@pytest.mark.parametrize(
    ("rows", "value", "failed"),
    [
        (slice(10, 11), np.inf, {("factor_finite", "B"), ("factor_in_range", "B")}),
        (slice(10, 11), 3.001, {("factor_in_range", "B")}),
        (slice(0, 20), np.nan, {("factor_missing_ratio", "B")}),
        (slice(None), 1.0, {("factor_varies", "B")}),
        (slice(10, 11), 3.00001, set()),
        (slice(0, 10), np.nan, set()),
    ],
)
def test_each_fault_names_its_factor(
    panel: FactorPanel, rows: slice, value: float, failed: set[tuple[str, str]]
):
    assert _failed(check_panel(_with(panel, rows, 1, value), RANGES, 0.05)) == failed


def test_a_dead_factor_is_missing_and_takes_the_panel_with_it(panel: FactorPanel):
    failed = _failed(check_panel(_with(panel, slice(None), 3, np.nan), RANGES, 0.05))
    assert failed == {("factor_missing_ratio", "D"), ("panel_missing_ratio", "")}


def test_the_warm_up_is_counted_but_not_evaluated(panel: FactorPanel):
    started = _with(panel, slice(0, 30), 2, np.nan)
    assert ("factor_missing_ratio", "C") in _failed(check_panel(started, RANGES, 0.05))
    results = check_panel(started, RANGES, 0.0, warmup={"C": 30})
    assert _failed(results) == set()
    assert results[-1].expectation == "panel_missing_ratio"
    assert results[-1].sentence.endswith("missing 30 of 1200 (2.50%), 30 of them in the warm-up.")
    # A hole behind the warm-up is checked against the cells behind it alone.
    holed = _with(started, slice(100, 115), 2, np.nan)
    results = check_panel(holed, RANGES, 0.05, warmup={"C": 30})
    missing = next(result for result in results if not result.success)
    assert (missing.expectation, missing.column) == ("factor_missing_ratio", "C")
    assert missing.details["observed"] == pytest.approx(15 / 270)


def test_a_panel_that_is_all_warm_up_passes(panel: FactorPanel):
    missing = np.full((20, 4), np.nan, np.float32)
    short = replace(panel, sessions=panel.sessions[:20], values=missing)
    assert _failed(check_panel(short, RANGES, 0.0, warmup=dict.fromkeys("ABCD", 30))) == set()


def test_a_factor_of_the_catalogue_may_not_be_absent(panel: FactorPanel):
    results = check_panel(panel, {**RANGES, "E": (0.0, 1.0)}, 0.05)
    assert _failed(results) == {("factors_present", "")}
    failed = next(result for result in results if not result.success)
    assert "without E" in failed.sentence


def test_an_empty_panel_fails(panel: FactorPanel):
    empty = replace(panel, sessions=panel.sessions[:0], values=panel.values[:0])
    assert ("rows_present", "") in _failed(check_panel(empty, RANGES, 0.05))


def test_a_repeated_session_fails(panel: FactorPanel):
    sessions = panel.sessions.copy()
    sessions[1] = sessions[0]
    failed = _failed(check_panel(replace(panel, sessions=sessions), RANGES, 0.05))
    assert failed == {("session_unique", "session")}


def test_an_infinite_bound_is_not_evaluated(panel: FactorPanel):
    ranges = {**RANGES, "A": (-np.inf, np.inf), "B": (-np.inf, 3.0)}
    values = _with(_with(panel, slice(5, 6), 0, 1e9), slice(5, 6), 1, -1e9)
    assert _failed(check_panel(values, ranges, 0.05)) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"missing_ratio_max": 1.5}, "missing_ratio_max: 1.5"),
        ({"missing_ratio_max": 0.05, "warmup": {"A": -1}}, "warmup: {'A': -1}"),
    ],
)
def test_wrong_arguments_are_named(
    panel: FactorPanel, arguments: dict[str, float | dict[str, int]], message: str
):
    with pytest.raises(ValueError, match=message):
        check_panel(panel, RANGES, **arguments)
