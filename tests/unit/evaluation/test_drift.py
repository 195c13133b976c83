"""Drift of factors: the index by hand, what is planted is found, what only wanders is not."""

from __future__ import annotations

from datetime import date
from math import log

import numpy as np
import pytest
from scipy.signal import lfilter

from factorprism.core.calendar import calendar_for
from factorprism.evaluation.drift import compute_psi, measure_drift
from factorprism.market.panels import ImageSet

DAYS = calendar_for("XSHG").sessions(date(2006, 1, 4), date(2025, 12, 31))
N_REFERENCE, N_SESSIONS = 2400, 2800


def wander(seed: int, n_columns: int = 8, memory: float = 0.9) -> np.ndarray:
    """Stationary first-order series of variance one, float32 [session, column]."""
    noise = np.random.default_rng(seed).normal(size=(N_SESSIONS + 300, n_columns))
    values = lfilter([1.0], [1.0, -memory], noise, axis=0)[300:]
    return (values * np.sqrt(1.0 - memory**2)).astype(np.float32)


def make_image_set(values: np.ndarray, n_channels: int = 1) -> ImageSet:
    cube = values.reshape(len(values), -1, n_channels)
    factors = tuple(f"factor{number}" for number in range(cube.shape[1]))
    channels = tuple(f"00030{number}.SH" for number in range(n_channels))
    return ImageSet(channels, factors, DAYS[: len(values)], np.ascontiguousarray(cube), 56)


def first_and_last(n_reference: int = N_REFERENCE) -> tuple[date, date]:
    return DAYS[0].astype(date), DAYS[n_reference - 1].astype(date)


def test_the_index_of_two_histograms_by_hand() -> None:
    # With half a count in each bin: shares 1/4, 3/4 against 3/4, 1/4.
    known = compute_psi(np.array([0, 1]) * 1, np.array([1, 0]))
    assert known == pytest.approx((0.75 - 0.25) * log(3.0) * 2.0)
    assert compute_psi(np.array([7, 7, 7]), np.array([2, 2, 2])) == pytest.approx(0.0)
    # Both directions alike, and finite where a bin is empty.
    one, other = np.array([20, 0, 4]), np.array([1, 9, 3])
    assert compute_psi(one, other) == pytest.approx(compute_psi(other, one))
    assert np.isfinite(compute_psi(one, other))


@pytest.mark.parametrize(("value", "place"), [(5.0, 1), (999.0, 10), (-1.0, 0), (1000.0, 11)])
def test_the_index_counts_in_deciles_of_the_reference_and_beyond_it(
    value: float, place: int
) -> None:
    values = np.concatenate([np.arange(1000.0), np.full(100, value)])[:, np.newaxis]
    drift = measure_drift(
        make_image_set(values.astype(np.float32)), *first_and_last(1000), recent_sessions=100
    )
    p = np.array([0.5, *[100.5] * 10, 0.5]) / 1006.0
    q = np.full(12, 0.5) / 106.0
    q[place] = 100.5 / 106.0
    assert drift.psi[0, 0] == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


@pytest.mark.parametrize(("shift", "stretch"), [(2.5, 1.0), (0.0, 4.0)])
def test_a_planted_drift_is_found_and_named(shift: float, stretch: float) -> None:
    values = wander(seed=1)
    values[-120:, 5] = stretch * values[-120:, 5] + shift
    drift = measure_drift(make_image_set(values, n_channels=2), *first_and_last())

    assert drift.drifted == (("factor2", "000301.SH"),)
    assert drift.psi[2, 1] > drift.thresholds[2, 1]
    assert drift.sentence.startswith("1 of 8 factors have drifted over the last 120 sessions")
    assert "factor2 of 000301.SH with a PSI of" in drift.sentence


@pytest.mark.parametrize(
    ("n_reference", "n_columns", "memory"), [(2400, 4, 0.0), (2400, 4, 0.95), (1200, 16, 0.9)]
)
def test_what_only_wanders_is_not_called_drift_more_often_than_said(
    n_reference: int, n_columns: int, memory: float
) -> None:
    end = n_reference + 400
    found = [
        measure_drift(
            make_image_set(wander(seed, n_columns, memory)[:end]), *first_and_last(n_reference)
        )
        for seed in range(100)
    ]
    stated = {drift.false_alarm for drift in found}
    assert stated == {max(0.05, 120 / (n_reference + 120))}
    assert sum(bool(drift.drifted) for drift in found) <= 100 * stated.pop()
    assert found[0].sentence.startswith("no factor has drifted")


def test_a_convention_for_independent_draws_would_always_call_drift() -> None:
    """Why the thresholds are not 0.25: such series pass it without any drift."""
    drift = measure_drift(make_image_set(wander(0, 8, 0.95)), *first_and_last())
    assert drift.psi.max() > 0.25
    assert not drift.drifted


def test_nothing_after_the_set_or_between_the_parts_matters() -> None:
    values = wander(seed=2)
    before = measure_drift(make_image_set(values), *first_and_last())
    values[N_REFERENCE:-120] = 99.0
    after = measure_drift(make_image_set(values), *first_and_last())
    assert np.array_equal(before.psi, after.psi)
    assert np.array_equal(before.thresholds, after.thresholds)


def test_missing_cells_count_nowhere() -> None:
    values = wander(seed=3)
    values[:55] = np.nan
    values[::7, 2] = np.nan
    drift = measure_drift(make_image_set(values), *first_and_last())
    assert np.isfinite(drift.psi).all()
    assert not drift.drifted


def test_a_factor_that_always_stood_still_has_drifted_when_it_moves() -> None:
    values = wander(seed=4)
    values[:, 1] = 3.0
    still = measure_drift(make_image_set(values), *first_and_last())
    values[-120:, 1] = 2.0
    moved = measure_drift(make_image_set(values), *first_and_last())
    assert not still.drifted
    assert moved.drifted == (("factor1", "000300.SH"),)


def test_fewer_stretches_raise_the_stated_chance_and_too_few_tell_nothing() -> None:
    values = wander(seed=5)
    some = measure_drift(make_image_set(values[:1500]), *first_and_last(1200))
    assert some.n_stretches == 10
    assert some.false_alarm == pytest.approx(1.0 / 11.0)

    values[-120:] += 50.0
    few = measure_drift(make_image_set(values[-700:]), *first_and_last(580))
    assert few.n_stretches == 4
    assert not few.measured
    assert few.drifted == ()
    assert few.sentence.startswith("drift cannot be measured")


def test_what_cannot_be_compared_is_refused() -> None:
    images = make_image_set(wander(seed=6))
    first, last = first_and_last()
    with pytest.raises(ValueError, match="recent_sessions"):
        measure_drift(images, first, last, recent_sessions=0)
    with pytest.raises(ValueError, match="false_alarm"):
        measure_drift(images, first, last, false_alarm=1.0)
    with pytest.raises(ValueError, match="first, last"):
        measure_drift(images, last, first)
    with pytest.raises(ValueError, match="last"):
        measure_drift(images, first, DAYS[N_SESSIONS - 1].astype(date))
