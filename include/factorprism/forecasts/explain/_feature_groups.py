"""Takes an image apart into channel x group of factors x block of days, and shows any of them.

The game that Shapley values and the local surrogate are about: a coalition of parts is shown,
every other part is the training median.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.factors.groups import group_factors
from factorprism.forecasts.predict import ImageWindow
from factorprism.models import ModelBundle

Values = npt.NDArray[np.float64]
Coalitions = npt.NDArray[np.bool_]
Read = Callable[[Coalitions], Values]
Blocks = tuple[tuple[date, date], ...]

BLOCK_SESSIONS = 7
BATCH = 128
DECIMALS = 6  # beyond them a float32 logit holds rounding alone


@dataclass(frozen=True, eq=False)
class Shares:
    """What each part of an image adds to the network's output by one `method`.

    The output is the target's first, before calibration. `values` is float64 [channel, group,
    block] in its unit, rounded to 6 decimals; `day_blocks` are (first, last) session of each block.
    `figures` say how far the values may be trusted.
    """

    method: str
    model_id: str
    session: date
    channels: tuple[str, ...]
    groups: tuple[str, ...]
    day_blocks: Blocks
    output: float
    median_output: float
    values: Values = field(repr=False)
    figures: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form, the same for the same shares."""
        return {
            "method": self.method,
            "model_id": self.model_id,
            "session": self.session.isoformat(),
            "channels": list(self.channels),
            "groups": list(self.groups),
            "day_blocks": [[day.isoformat() for day in block] for block in self.day_blocks],
            "output": self.output,
            "median_output": self.median_output,
            "values": self.values.tolist(),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Shares:
        """Return the shares that `to_dict` wrote."""
        blocks = content["day_blocks"]
        return cls(
            content["method"],
            content["model_id"],
            date.fromisoformat(content["session"]),
            tuple(content["channels"]),
            tuple(content["groups"]),
            tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in blocks),
            read_output(content, "output"),
            read_output(content, "median_output"),
            np.asarray(content["values"], np.float64),
            dict(content["figures"]),
        )


def read_output(content: Mapping[str, Any], name: str) -> float:
    """Return the output called `name`; explanations before schema 9 called it a logit."""
    held = content.get(name, content.get(name.replace("output", "logit")))
    return float(held) if held is not None else float("nan")


@dataclass(frozen=True, eq=False)
class FeatureGroups:
    """The parts of one image; `read` gives the logits of coalitions, bool [n, part].

    Parts are numbered as the cells of [channel, group, block].
    """

    groups: tuple[str, ...]
    day_blocks: Blocks
    shape: tuple[int, int, int]
    read: Read = field(repr=False)

    @property
    def count(self) -> int:
        return int(np.prod(self.shape))

    def tell(
        self,
        method: str,
        bundle: ModelBundle,
        window: ImageWindow,
        ends: tuple[float, float],
        values: Values,
        figures: Mapping[str, float],
    ) -> Shares:
        """Return `values` [part] as shares; `ends` are the logits of all parts and of none."""
        return Shares(
            method,
            bundle.model_id,
            window.session,
            window.channels,
            self.groups,
            self.day_blocks,
            round(ends[0], DECIMALS),
            round(ends[1], DECIMALS),
            # Adding zero turns a negative zero into zero: they would be written differently.
            np.round(values, DECIMALS).reshape(self.shape) + 0.0,
            {name: round(float(figure), DECIMALS) for name, figure in figures.items()},
        )


def find_feature_groups(
    bundle: ModelBundle, window: ImageWindow, block_sessions: int = BLOCK_SESSIONS
) -> FeatureGroups:
    """Return the parts of `window` as `bundle` reads them.

    Days are taken in blocks of `block_sessions` that end at the window's session; the oldest may
    be shorter. Raises ``ValueError`` for missing cells, another shape, or a block below 1 session.
    """
    n_days, _, n_channels = window.values.shape
    groups = group_factors(window.factors)
    blocks = cut_days(n_days, block_sessions)
    shape = (n_channels, len(groups), len(blocks))
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    owner = np.empty(window.values.shape, dtype=np.int64)
    for row, indices in enumerate(groups.values()):
        for column, block in enumerate(blocks):
            owner[block, list(indices)] = numbers[:, row, column]
    median = np.broadcast_to(bundle.normaliser.centre, window.values.shape)

    def read(coalitions: Coalitions) -> Values:
        images = np.where(coalitions[:, owner], window.values, median)
        return bundle.compute_logits(images, batch_size=BATCH)

    return FeatureGroups(tuple(groups), name_blocks(window, blocks), shape, read)


def cut_days(n_days: int, size: int) -> list[slice]:
    """Return blocks of `size` days, oldest first; the oldest may be shorter."""
    if size < 1:
        raise ValueError(f"block_sessions: {size}, allowed are whole numbers from 1")
    stops = range(n_days, 0, -size)
    return [slice(max(stop - size, 0), stop) for stop in reversed(stops)]


def name_blocks(window: ImageWindow, blocks: list[slice]) -> Blocks:
    """Return the first and last session of each block."""
    days = window.sessions.astype("datetime64[D]")
    return tuple((days[b.start].astype(date), days[b.stop - 1].astype(date)) for b in blocks)
