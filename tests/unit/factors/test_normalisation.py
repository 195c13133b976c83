"""The normaliser's fit, its transform of cubes and windows, and its stored form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from factorprism.factors import Normaliser


@pytest.fixture
def cube() -> np.ndarray:
    rng = np.random.default_rng(3)
    spread = np.array([[1.0, 50.0], [1e-3, 7.0], [300.0, 0.2]])
    values = rng.standard_t(4, size=(2001, 3, 2)) * spread + 10.0 * spread
    return values.astype(np.float32)


def test_median_becomes_zero_and_the_quartiles_those_of_a_standard_normal(cube):
    scaled = Normaliser.fit(cube).transform(cube)
    lower, middle, upper = np.percentile(scaled, [25, 50, 75], axis=0)
    np.testing.assert_allclose(middle, 0.0, atol=1e-6)
    np.testing.assert_allclose(upper - lower, 1.3489795, rtol=1e-5)


def test_a_handful_of_wild_sessions_moves_nothing_else(cube):
    wild = cube.copy()
    wild[:5] = 1e9
    calm, moved = Normaliser.fit(cube), Normaliser.fit(wild)
    assert np.abs(calm.transform(cube[5:]) - moved.transform(cube[5:])).max() < 0.05


def test_values_are_clipped_and_nan_stays_nan(cube):
    cube[0, 0, 0], cube[1], cube[2] = np.nan, 1e9, -1e9
    scaled = Normaliser.fit(cube, clip=2.5).transform(cube)
    assert np.isnan(scaled[0, 0, 0])
    assert np.isnan(scaled).sum() == 1
    assert (scaled[1] == 2.5).all()
    assert (scaled[2] == -2.5).all()


def test_nan_is_left_out_of_the_fit(cube):
    holed = np.concatenate([np.full((20, 3, 2), np.nan, dtype=np.float32), cube])
    with_holes, without = Normaliser.fit(holed), Normaliser.fit(cube)
    np.testing.assert_array_equal(with_holes.centre, without.centre)
    np.testing.assert_array_equal(with_holes.scale, without.scale)


@pytest.mark.parametrize("level", [0.0, 3000.1, -1e-14])
def test_a_constant_column_gets_scale_one_even_with_rounding_noise(level):
    noise = 1 + 1e-7 * np.random.default_rng(0).standard_normal((100, 1, 1))
    fitted = Normaliser.fit((level * noise).astype(np.float32))
    assert fitted.scale.tolist() == [[1.0]]


def test_a_column_that_rarely_moves_is_scaled_by_its_deviation():
    column = np.zeros((100, 1, 1), dtype=np.float32)
    column[::10] = 8.0
    assert Normaliser.fit(column).scale.item() == pytest.approx(column.std())


def test_windows_give_the_same_bytes_as_the_cube_and_fill_out(cube):
    fitted = Normaliser.fit(cube[:1000])
    windows = np.moveaxis(sliding_window_view(cube, 56, axis=0), -1, 1)
    out = np.zeros((len(windows), 56, 3, 2), dtype=np.float32)
    assert fitted.transform(windows, out=out) is out
    scaled = fitted.transform(cube)
    assert out[7].tobytes() == scaled[7:63].tobytes()
    assert out.dtype == np.float32
    own = cube.copy()
    fitted.transform(own, out=own)
    assert own.tobytes() == scaled.tobytes()


def test_the_fit_reads_only_what_it_is_given(cube):
    before = Normaliser.fit(cube[:1000])
    cube[1000:] = 0.0
    assert Normaliser.fit(cube[:1000]).to_dict() == before.to_dict()


def test_json_brings_every_bit_back(cube):
    fitted = Normaliser.fit(cube, clip=3.7)
    stored = Normaliser.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert stored.centre.tobytes() == fitted.centre.tobytes()
    assert stored.scale.tobytes() == fitted.scale.tobytes()
    assert stored.clip == fitted.clip
    assert stored.transform(cube).tobytes() == fitted.transform(cube).tobytes()


def test_wrong_arguments_are_named(cube):
    fitted = Normaliser.fit(cube)
    holed = cube.copy()
    holed[:, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"\(factor, channel\) \[\[1, 0\]\]"):
        Normaliser.fit(holed)
    with pytest.raises(ValueError, match="cube: shape"):
        Normaliser.fit(cube[0])
    with pytest.raises(ValueError, match="array: shape"):
        fitted.transform(cube[..., :1])
    with pytest.raises(ValueError, match="out: float64"):
        fitted.transform(cube, out=np.zeros(cube.shape))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kind: 'z'"):
        Normaliser.from_dict(fitted.to_dict() | {"kind": "z"})
    with pytest.raises(ValueError, match="must be positive"):
        Normaliser(fitted.centre, fitted.scale * 0)
    with pytest.raises(ValueError, match="must be finite"):
        Normaliser(fitted.centre * np.float32(np.nan), fitted.scale)
    with pytest.raises(ValueError, match="scale: float64"):
        Normaliser(fitted.centre, fitted.scale.astype(np.float64))  # type: ignore[arg-type]
