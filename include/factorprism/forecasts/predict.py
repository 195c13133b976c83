"""Read one image with one model: the window of a session, its hashes and what is forecast."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import hash_array
from factorprism.core.errors import ArtefactError, LookAheadError
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.models import ModelRecord
from factorprism.images import hash_window, window_at
from factorprism.market.panels import ImageSet
from factorprism.targets import Column, Known, target_of

if TYPE_CHECKING:
    from factorprism.models import ModelBundle


@dataclass(frozen=True)
class ImageWindow:
    """The image of one session: `values` is float32 [lookback, factor, channel], un-normalised.

    `factor_hash` covers values, sessions, factors and channels; nothing after `session` is in
    either.
    """

    session: date
    sessions: npt.NDArray[np.datetime64]
    factors: tuple[str, ...]
    channels: tuple[str, ...]
    values: npt.NDArray[np.float32] = field(repr=False)
    factor_hash: str

    @property
    def missing_cells(self) -> dict[str, int]:
        """Return the number of missing cells by ``channel factor``, where there are any."""
        counts = np.isnan(self.values).sum(axis=0)
        return {
            f"{channel} {factor}": int(counts[row, column])
            for row, factor in enumerate(self.factors)
            for column, channel in enumerate(self.channels)
            if counts[row, column]
        }


def encode_window(image_set: ImageSet, session: date) -> ImageWindow:
    """Return the window of `image_set` that ends at `session`.

    Raises ``ValueError`` when `session` is not among its sessions or has less than a full window
    before it.
    """
    values = np.ascontiguousarray(window_at(image_set, session))
    end = int(np.searchsorted(image_set.sessions, np.datetime64(session, "D"))) + 1
    return ImageWindow(
        session,
        image_set.sessions[end - image_set.lookback : end],
        image_set.factors,
        image_set.channels,
        values,
        hash_window(image_set, session),
    )


def predict_window(
    window: ImageWindow,
    bundle: ModelBundle,
    record: ModelRecord,
    *,
    horizon_end: date,
    horizon_end_expected: bool = False,
    data_hash: str,
    closes: Column | None = None,
) -> Forecast:
    """Return the issued forecast of `window` by the model of `record`, whose bundle is `bundle`.

    `closes` as for `compute_issue`. What is forecast follows from the window, the bundle and these
    alone, byte for byte.

    Raises
    ------
    LookAheadError
        If the model's training read a session after the window's.
    ArtefactError
        If the model was trained on other channels, factors or another lookback.
    """
    if record.trained_through > window.session:
        raise LookAheadError(
            f"model {record.model_id} was trained on data through {record.trained_through}, "
            f"after session {window.session}",
            remedy="Forecast a later session, or train a model as of that session.",
        )
    expected = (record.lookback, record.factors, record.channels)
    found = (len(window.sessions), window.factors, window.channels)
    if expected != found:
        raise ArtefactError(
            f"model {record.model_id} reads {_describe(*expected)}, the image has "
            f"{_describe(*found)}",
            remedy=f"Train one: factorprism train --signal {record.signal} --mode retrain.",
        )
    symbol = window.channels[0]
    issued = compute_issue(window, bundle, closes)
    return Forecast(
        signal=record.signal,
        session=window.session,
        target=record.target,
        symbol=symbol,
        horizon=record.horizon,
        horizon_end=horizon_end,
        horizon_end_expected=horizon_end_expected,
        model_id=record.model_id,
        state=ForecastState.ISSUED,
        values={symbol: issued},
        universe=record.universe,
        data_hash=data_hash,
        factor_hash=window.factor_hash,
        image_hash=hash_array(bundle.normaliser.transform(window.values), window.factor_hash),
    )


def compute_issue(
    window: ImageWindow, bundle: ModelBundle, closes: Column | None = None
) -> dict[str, float]:
    """Return what the model of `bundle` issues for `window`, by the names of its target's values.

    `closes` are those of the symbol that the target is about, float64 [session], the window's
    session last; a target whose base forecasts read no closes needs none.
    """
    target = target_of(bundle.spec)
    closes = np.full(1, np.nan) if closes is None else closes
    known = Known(closes, {}, int(bundle.spec["horizon"]), len(window.sessions))
    bases, last = target.read_bases(bundle.spec), np.array([len(closes) - 1])
    reference = target.compute_reference(bases, known, last)
    outputs = bundle.compute_outputs(window.values[np.newaxis])
    values = target.compute_values(outputs, bundle.calibration, bases, reference)
    return {name: float(column[0]) for name, column in target.issue(values, reference).items()}


def _describe(lookback: int, factors: tuple[str, ...], channels: tuple[str, ...]) -> str:
    return f"{lookback} sessions x {len(factors)} factors of {', '.join(channels)}"
