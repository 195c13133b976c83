"""One image as arrays with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.views.image import Match, Picture


@dataclass(frozen=True, eq=False)
class Image:
    """The image that a network reads of `session`: float32 [session, factor, channel].

    Attributes
    ----------
    values
        In the factors' own `units`; NaN where a value is missing.
    scaled
        As the network reads them: centred on the median, in robust standard deviations, clipped.
        None where a factor has no value at all.
    scale
        ``model``: that of the model of the session's forecast, the very one that it reads by;
        ``recent``: fitted on the sessions up to this one; ``none``.
    sessions, factors, channels
        The names along the three axes: days (``datetime64[D]``), factors, symbols.
    units
        One for each factor.
    groups
        The factors of each feature group, by name.
    factor_hash, image_hash
        SHA-256 of `values` and of `scaled`, hex; the latter is empty unless `scale` is ``model``.
    match
        ``reproduced``: the ledger names this image; ``revised``: bars were revised since;
        ``unrecorded``: the ledger names no image of the session.
    """

    signal: str
    session: date
    values: FloatArray = field(repr=False)
    scaled: FloatArray | None = field(repr=False)
    scale: str
    sessions: DayArray = field(repr=False)
    factors: tuple[str, ...] = field(repr=False)
    channels: tuple[str, ...]
    units: tuple[str, ...] = field(repr=False)
    groups: Mapping[str, tuple[str, ...]] = field(repr=False)
    factor_hash: str = field(repr=False)
    image_hash: str = field(repr=False)
    match: str

    def to_frame(self, *, scaled: bool = False) -> pd.DataFrame:
        """Return the image flat: a row for each session, columns (channel, factor), float32.

        Raises ``ValueError`` where `scaled` is asked for and there is no scale.
        """
        shown = self.scaled if scaled else self.values
        if shown is None:
            raise ValueError(f"scaled: the image of {self.session} has no scale")
        return pd.DataFrame(
            shown.transpose(0, 2, 1).reshape(len(self.sessions), -1),
            index=pd.DatetimeIndex(self.sessions.astype("datetime64[us]"), name="session"),
            columns=pd.MultiIndex.from_product(
                [self.channels, self.factors], names=["channel", "factor"]
            ),
        )


def make_image(signal: str, session: date, picture: Picture, match: Match) -> Image:
    """Return `picture`, the one of `session` as the pages show it, as an image with names."""
    return Image(
        signal=signal,
        session=session,
        values=picture.values,
        scaled=picture.scaled,
        scale=picture.scale.value,
        sessions=picture.sessions,
        factors=picture.factors,
        channels=picture.channels,
        units=picture.units,
        groups={
            name: tuple(picture.factors[index] for index in indices)
            for name, indices in picture.groups.items()
        },
        factor_hash=picture.factor_hash,
        image_hash=picture.image_hash,
        match=match.value,
    )
