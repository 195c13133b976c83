"""The picture of one session as the warehouse holds it: its cells, its colours, its closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, FloatArray, hash_array
from factorprism.core.calendar import calendar_of
from factorprism.core.models import ModelRecord
from factorprism.core.sessions import session_read
from factorprism.factors import CATALOGUE, Normaliser
from factorprism.factors.groups import group_factors
from factorprism.forecasts import ImageWindow
from factorprism.pipelines import Run, load_recent_images

Values = npt.NDArray[np.float64]

# Sessions that the colours' scale is fitted on where no model has one.
SCALE_SESSIONS = 750


class Scale(StrEnum):
    """Which scale the colours go by."""

    MODEL = "model"  # the very one that the model of the session reads its images on
    RECENT = "recent"  # fitted on the sessions up to this one
    NONE = "none"  # a factor has no value at all


@dataclass(frozen=True, eq=False)
class Picture:
    """The image of one session: `values` in the factors' units, `scaled` in z as it is coloured.

    Both are float32 [lookback, factor, channel], NaN = missing; `scaled` is clipped at `clip` and
    None without a scale. `sessions` are the rows' days; `groups` name indices into `factors`.
    """

    sessions: DayArray
    factors: tuple[str, ...]
    units: tuple[str, ...]
    groups: Mapping[str, tuple[int, ...]]
    channels: tuple[str, ...]
    values: FloatArray = field(repr=False)
    scaled: FloatArray | None = field(repr=False)
    scale: Scale
    clip: float
    missing: int
    factor_hash: str
    image_hash: str  # of `scaled`; empty unless the scale is the model's


@dataclass(frozen=True, eq=False)
class Closes:
    """Closes of each channel known at the session's close, as quoted; NaN: no bar that day."""

    sessions: DayArray
    channels: tuple[str, ...]
    values: Values = field(repr=False)  # float64 [session, channel]


def find_scale(
    run: Run, record: ModelRecord | None, window: ImageWindow | None
) -> tuple[Normaliser | None, Scale]:
    """Return the scale of `record` if it is held and fits the window, else one of recent days."""
    if window is None:
        return None, Scale.NONE
    own = load_scale(run, record, window)
    if own is not None:
        return own, Scale.MODEL
    try:
        recent = load_recent_images(run, SCALE_SESSIONS)
        return Normaliser.fit(recent.cube), Scale.RECENT
    except ValueError:
        return None, Scale.NONE


def load_scale(run: Run, record: ModelRecord | None, window: ImageWindow) -> Normaliser | None:
    """Return the scale that `record` reads its images on; None where none is held that fits."""
    if record is None or (record.factors, record.channels) != (window.factors, window.channels):
        return None
    training = run.ports.warehouse.models.load_training(record.model_id)
    held = training is not None and training.normaliser
    return Normaliser.from_dict(held) if held else None


def hash_image(scaled: FloatArray, window: ImageWindow) -> str:
    """Return the hash of the image of `window` as the ledger names it, from its cells in z."""
    return hash_array(scaled, window.factor_hash)


def build_picture(window: ImageWindow, normaliser: Normaliser | None, scale: Scale) -> Picture:
    scaled = None if normaliser is None else normaliser.transform(window.values)
    units = {factor.name: factor.unit for factor in CATALOGUE}
    own = scaled is not None and scale is Scale.MODEL
    return Picture(
        sessions=window.sessions,
        factors=window.factors,
        units=tuple(units.get(name, "") for name in window.factors),
        groups=group_factors(window.factors),
        channels=window.channels,
        values=window.values,
        scaled=scaled,
        scale=scale,
        clip=normaliser.clip if normaliser else 0.0,
        missing=int(np.isnan(window.values).sum()),
        factor_hash=window.factor_hash,
        image_hash=hash_image(scaled, window) if own and scaled is not None else "",
    )


def load_closes(run: Run, window: ImageWindow) -> Closes:
    """Load what each channel closed at, through its last bar that was final at the close."""
    first: date = window.sessions[0].astype(date)
    target = calendar_of(run.universe.target)
    columns: dict[str, dict[np.datetime64, float]] = {}
    for symbol in window.channels:
        last = session_read(calendar_of(symbol), target, run.session)
        bars = run.ports.warehouse.bars.load_bars([symbol], first, last)
        days = bars["session"].to_numpy().astype("datetime64[D]")
        columns[symbol] = dict(zip(days, bars["close"].to_numpy(), strict=True))
    held = sorted({day for column in columns.values() for day in column})
    sessions = np.array(held, dtype="datetime64[D]")
    values = np.array(
        [[columns[symbol].get(day, np.nan) for symbol in window.channels] for day in sessions],
        dtype=np.float64,
    ).reshape(len(sessions), len(window.channels))
    return Closes(sessions, window.channels, values)
