"""What the page Image hands to its template: cells for the script, lines, and bars as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from factorprism.views.image import Closes, ImagePage, Picture, Reasons

COLOUR_LIMIT = 3.0  # z; fixed, so that the images of two days can be compared
EPOCH = date(1970, 1, 1)
COLOURS = ("chart-1", "chart-2", "chart-4", "chart-5", "chart-3")
# Of a method's output: beneath it a bar has no sign.
NEGLIGIBLE = 1e-5


@dataclass(frozen=True)
class Column:
    """One method's values, one a part; `limit` is the value of a full bar, `kind` as in stability.

    `name` is a message of the catalogue, or the name of a baseline.
    """

    name: str
    kind: str
    values: Sequence[float]
    limit: float


@dataclass(frozen=True)
class BarTable:
    """What each part of one axis adds to the output of the network, or to a baseline's score."""

    axis: str
    parts: Sequence[str]
    columns: Sequence[Column]


def build_cells(
    page: ImagePage, words: dict[str, str], gettext: Callable[[str], str]
) -> dict[str, Any]:
    """Return what static/image.js draws: all cells as [channel][factor][session], null = missing.

    `words` are the script's own, units are translated by `gettext`; `days` count from 1970. Raises
    ``ValueError`` for a page without a picture.
    """
    picture = page.picture
    if picture is None:
        raise ValueError("page: picture is None, allowed are pages with one")
    reasons = page.reasons
    cam = reasons.attribution.grad_cam if reasons and reasons.attribution else None
    return {
        "limit": COLOUR_LIMIT,
        "sessions": [str(day) for day in picture.sessions],
        "days": _days(picture.sessions),
        "factors": [
            {"name": name, "unit": gettext(unit)}
            for name, unit in zip(picture.factors, picture.units, strict=True)
        ],
        "channels": list(picture.channels),
        "colours": list(COLOURS),
        "raw": _cells(picture.values, 6),
        "scaled": None if picture.scaled is None else _cells(picture.scaled, 4),
        "cam": None if cam is None else [[round(v, 3) for v in row] for row in cam.T.tolist()],
        "small": _small(picture, reasons),
        "text": words,
    }


def _small(picture: Picture, reasons: Reasons | None) -> list[Any]:
    """Return the target's cells of the day itself, then of each neighbour that is held."""
    if picture.scaled is None or reasons is None:
        return []
    images = [picture.scaled[..., 0]]
    images += [held.picture for held in reasons.nearest_neighbours if held.picture is not None]
    return [[_round(row, 3) for row in image.T.tolist()] for image in images]


def _cells(cube: Any, digits: int) -> list[list[list[float | None]]]:
    # From [session, factor, channel] to channel, factor, session.
    return [
        [_round(row, digits) for row in channel] for channel in cube.transpose(2, 1, 0).tolist()
    ]


def _round(row: Sequence[float], digits: int) -> list[float | None]:
    """Return `row` to `digits` significant digits, None for NaN."""
    return [None if value != value else float(f"{value:.{digits}g}") for value in row]


def _days(sessions: Any) -> list[int]:
    return [int(day) for day in sessions.astype("datetime64[D]").astype(int)]


def build_closes(closes: Closes, x_label: str) -> dict[str, Any]:
    """Return the chart of each channel's closes, the first of them 100."""
    series = []
    for index, symbol in enumerate(closes.channels):
        values = closes.values[:, index].tolist()
        first = next((value for value in values if value == value), None)
        series.append(
            {
                "label": symbol,
                "colour": COLOURS[index % len(COLOURS)],
                "dash": index > 0,
                "values": [
                    None if value != value or first is None else round(100 * value / first, 3)
                    for value in values
                ],
            }
        )
    return {"x": _days(closes.sessions), "series": series, "height": 220, "x_label": x_label}


def build_bar_tables(reasons: Reasons) -> list[BarTable]:
    """Return the bars by group, channel, block of days and factor, those that were kept.

    All bars of the network are on one scale, so that they can be compared; each baseline has its
    own, since its score is no output of the network.
    """
    tables = []
    for axis in ("group", "channel", "day", "factor"):
        parts, columns = _network_columns(reasons, axis)
        if axis == "factor":
            columns += [
                Column(name, name, values, _limit([values]))
                for name, (_, values) in reasons.baselines.items()
            ]
        if columns and len(parts) > 1:
            tables.append(BarTable(axis, parts, columns))
    return tables


def _network_columns(reasons: Reasons, axis: str) -> tuple[Sequence[str], list[Column]]:
    limit = _limit(
        [
            values
            for name in ("group", "channel", "day", "factor")
            for _, _, values in _readings(reasons, name)
        ]
    )
    columns = [Column(*reading, limit) for reading in _readings(reasons, axis)]
    return _parts(reasons, axis), columns


def _readings(reasons: Reasons, axis: str) -> list[tuple[str, str, Any]]:
    """Return name, kind and values along `axis` of each method that has that axis."""
    found: list[tuple[str, str, Any]] = []
    if reasons.attribution is not None:
        found.append(("occlusion", axis, reasons.attribution.select(axis)))
    index = {"channel": (1, 2), "group": (0, 2), "day": (0, 1)}.get(axis)
    for shares in (reasons.shapley, reasons.surrogate):
        if shares is not None and index is not None:
            found.append((shares.method, shares.method, shares.values.sum(axis=index)))
    return found


def _parts(reasons: Reasons, axis: str) -> Sequence[str]:
    source = reasons.attribution or reasons.shapley or reasons.surrogate
    if source is None:
        return ()
    if axis == "day":
        return [f"{first} – {last}" for first, last in source.day_blocks]
    if axis == "factor":
        return reasons.attribution.factors if reasons.attribution else ()
    return source.groups if axis == "group" else source.channels


def _limit(columns: Sequence[Any]) -> float:
    peak = max((abs(float(value)) for values in columns for value in values), default=0.0)
    return peak if peak > NEGLIGIBLE else 1.0
