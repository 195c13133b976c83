"""Attributes one forecast's output to the channels, factors and days of its image.

The output is the network's first, before calibration: the logit of a rise, the standardised mean
of the log variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np

from factorprism.core.arrays import FloatArray
from factorprism.factors.groups import group_factors
from factorprism.forecasts.explain._feature_groups import (
    BLOCK_SESSIONS,
    DECIMALS,
    cut_days,
    name_blocks,
    read_output,
)
from factorprism.forecasts.explain._gradient import (
    Values,
    compute_grad_cam,
    compute_input_gradient,
)
from factorprism.forecasts.predict import ImageWindow
from factorprism.models import ModelBundle

# Of one bundle and one un-normalised image, the share of each cell in the output:
# float64 [lookback, factor, channel]. Further methods (SHAP, LIME) are such functions.
CellMethod = Callable[[ModelBundle, FloatArray], Values]
CELL_METHODS: Mapping[str, CellMethod] = {"gradient_x_input": compute_input_gradient}

AXES = ("grad_cam", "channel", "factor", "group", "day")


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each part of one image adds to a model's output for it.

    `by_channel`, `by_factor`, `by_group` and `by_day` are the output minus that of the image in
    which that part alone is the training median. The parts of one axis need not sum to the
    output. `day_blocks` are (first, last) session of each entry of `by_day`.

    `grad_cam` is [lookback, factor] in [-1, 1], None where the network has no convolution over the
    image; `cells` holds one [lookback, factor, channel] in units of the output for each
    further method. All arrays are float64, rounded to 6 decimals.
    """

    model_id: str
    session: date
    channels: tuple[str, ...]
    factors: tuple[str, ...]
    groups: tuple[str, ...]
    day_blocks: tuple[tuple[date, date], ...]
    output: float
    median_output: float
    by_channel: Values = field(repr=False)
    by_factor: Values = field(repr=False)
    by_group: Values = field(repr=False)
    by_day: Values = field(repr=False)
    grad_cam: Values | None = field(repr=False)
    cells: Mapping[str, Values] = field(repr=False)

    def select(self, kind: str) -> Values:
        """Return the array of `kind`: one of `kinds`; raises ``ValueError`` for another name."""
        named = self._named()
        if kind not in named:
            raise ValueError(f"kind: {kind!r}, allowed are {', '.join(named)}")
        return named[kind]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names that `select` knows; ``grad_cam`` is one where there is a Grad-CAM."""
        return tuple(self._named())

    def _named(self) -> dict[str, Values]:
        return {
            **({} if self.grad_cam is None else {"grad_cam": self.grad_cam}),
            "channel": self.by_channel,
            "factor": self.by_factor,
            "group": self.by_group,
            "day": self.by_day,
            **self.cells,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form, the same for the same attribution."""
        return {
            "model_id": self.model_id,
            "session": self.session.isoformat(),
            "channels": list(self.channels),
            "factors": list(self.factors),
            "groups": list(self.groups),
            "day_blocks": [
                [first.isoformat(), last.isoformat()] for first, last in self.day_blocks
            ],
            "output": self.output,
            "median_output": self.median_output,
            "values": {kind: self.select(kind).tolist() for kind in self.kinds},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Attribution:
        """Return the attribution that `to_dict` wrote."""
        values = {kind: np.asarray(held, np.float64) for kind, held in content["values"].items()}
        blocks = tuple((_day(first), _day(last)) for first, last in content["day_blocks"])
        return cls(
            content["model_id"],
            _day(content["session"]),
            tuple(content["channels"]),
            tuple(content["factors"]),
            tuple(content["groups"]),
            blocks,
            read_output(content, "output"),
            read_output(content, "median_output"),
            values["channel"],
            values["factor"],
            values["group"],
            values["day"],
            values.get("grad_cam"),
            {kind: held for kind, held in values.items() if kind not in AXES},
        )


def compute_attribution(
    bundle: ModelBundle,
    window: ImageWindow,
    *,
    block_sessions: int = BLOCK_SESSIONS,
    methods: Mapping[str, CellMethod] = CELL_METHODS,
) -> Attribution:
    """Return what each part of `window` adds to `bundle`'s output; reads nothing after its session.

    Days are taken in blocks of `block_sessions` that end at the window's session; the oldest
    block may be shorter. `methods` add arrays by cell under their names.

    Raises ``ValueError`` for missing cells, another shape, or a block below 1 session.
    """
    n_days, n_factors, n_channels = window.values.shape
    groups = group_factors(window.factors)
    blocks = cut_days(n_days, block_sessions)
    parts: list[tuple[Any, ...]] = [
        (slice(None), slice(None), slice(None)),
        *((slice(None), slice(None), channel) for channel in range(n_channels)),
        *((slice(None), factor) for factor in range(n_factors)),
        *((slice(None), list(indices)) for indices in groups.values()),
        *((block,) for block in blocks),
    ]
    logit, without = _occlude(bundle, window.values, parts)
    # Adding zero turns a negative zero into zero: they would be written differently.
    effects = np.round(logit - without, DECIMALS) + 0.0
    ends = np.cumsum([1, n_channels, n_factors, len(groups)])
    _, by_channel, by_factor, by_group, by_day = np.split(effects, ends)
    cells = {name: method(bundle, window.values) for name, method in methods.items()}
    cam = compute_grad_cam(bundle, window.values)
    return Attribution(
        bundle.model_id,
        window.session,
        window.channels,
        window.factors,
        tuple(groups),
        name_blocks(window, blocks),
        round(logit, DECIMALS),
        round(float(without[0]), DECIMALS),
        by_channel,
        by_factor,
        by_group,
        by_day,
        None if cam is None else np.round(cam, DECIMALS) + 0.0,
        {name: np.round(held, DECIMALS) + 0.0 for name, held in cells.items()},
    )


def compute_agreement(arrays: Sequence[Values]) -> float:
    """Return the mean rank correlation of all pairs of `arrays`, all of one shape, in [-1, 1].

    Spearman's coefficient with average ranks for ties. A pair of which one puts the same weight
    on everything agrees on nothing and counts 0. Raises ``ValueError`` for fewer than two arrays
    or for other shapes.
    """
    from scipy.stats import rankdata

    if len(arrays) < 2 or len({array.shape for array in arrays}) > 1:
        shapes = [array.shape for array in arrays]
        raise ValueError(f"arrays: shapes {shapes}, expected two or more of one shape")
    ranks = [rankdata(array) - (array.size + 1) / 2 for array in arrays]
    return float(np.mean([_correlate(a, b) for a, b in combinations(ranks, 2)]))


def _correlate(a: Values, b: Values) -> float:
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0.0 else 0.0


def _occlude(
    bundle: ModelBundle, values: FloatArray, parts: Sequence[tuple[Any, ...]]
) -> tuple[float, Values]:
    """Return the logit of `values`, and that without each part, float64 [part]."""
    images = np.repeat(values[np.newaxis], len(parts) + 1, axis=0)
    median = np.broadcast_to(bundle.normaliser.centre, values.shape)
    for image, part in zip(images[1:], parts, strict=True):
        image[part] = median[part]
    logits = bundle.compute_logits(images)
    return float(logits[0]), logits[1:]


def _day(text: str) -> date:
    return date.fromisoformat(text)
