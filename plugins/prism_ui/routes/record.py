"""Track record: the forecasts of one line against what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.views.record import Track, TrackRecord, read_track_record
from prism_ui.pages import PageRequest, show
from prism_ui.reliability import lay_out_reliability
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/record")
async def open_record(request: Request, reader: ReaderDep) -> Response:
    """Show the record of one line of forecasts."""
    return await show(request, reader, "record", build)


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with the line of the signal asked for, or of the default one."""
    house, signal = asked.house, asked.text("signal")
    # The same for every session, and half of it is bootstrap.
    found = house.recall(
        ("record", signal), lambda: read_track_record(house.warehouse, house.config, signal)
    )
    if found is None:
        return {"found": None}
    gettext = asked.language.gettext
    return {
        "found": found,
        "forecasts_chart": _draw_forecasts(found.track, gettext),
        "skill_chart": _draw_skill(found, gettext),
        "yearly_skill": list(_yearly_skill(found)),
        "diagram": lay_out_reliability(found.bins),
        "walk_chart": _draw_walk_forward(found, gettext),
    }


def _yearly_skill(found: TrackRecord) -> Iterator[dict[str, Any]]:
    """Yield the last point of each year, newest first: the chart in a dozen figures."""
    curve, track = found.curve, found.track
    if curve is None:
        return
    days = track.sessions[track.known[curve.ends]]
    years = days.astype("datetime64[Y]")
    for index in np.flatnonzero(np.append(years[1:] != years[:-1], True))[::-1]:
        yield {
            "session": days[index].astype(date),
            "skill": curve.skill[index],
            "lower": curve.lower[index],
            "upper": curve.upper[index],
        }


def _draw_forecasts(track: Track, gettext: Any) -> dict[str, Any]:
    low, high = _range_of(track)
    words = track.target.words
    return {
        "x": track.sessions.astype(np.int64).tolist(),
        "x_label": gettext("session"),
        "unit": "percent",
        "range": [low - 0.01, high + 0.01],
        "height": 300,
        "series": [
            {"label": gettext("forecast"), "values": _rounded(track.forecast), "colour": "chart-1"},
            {
                "label": gettext(words.reference),
                "values": _rounded(track.base),
                "colour": "chart-3",
                "dash": True,
            },
            *_draw_observed(track, low, high, gettext),
            _mark(
                gettext("withheld"), np.isnan(track.forecast), (low + high) / 2, "chart-2", size=7
            ),
        ],
    }


def _draw_observed(
    track: Track, low: float, high: float, gettext: Any
) -> tuple[dict[str, Any], ...]:
    """Return what came: of a probability by marks at the edges, where they hide no forecast."""
    if not track.target.probability:
        points = {"colour": "chart-5", "style": "points", "size": 3}
        return ({"label": gettext("what came"), "values": _rounded(track.observed), **points},)
    return (
        _mark(gettext("then rose"), track.labels == 1, high, "chart-5"),
        _mark(gettext("then fell"), track.labels == 0, low, "chart-4"),
    )


def _mark(label: str, hits: Any, edge: float, colour: str, *, size: int = 3) -> dict[str, Any]:
    return {
        "label": label,
        "values": [edge if hit else None for hit in hits],
        "colour": colour,
        "style": "points",
        "size": size,
        "unit": "mark",
    }


def _draw_skill(found: TrackRecord, gettext: Any) -> dict[str, Any] | None:
    curve, track = found.curve, found.track
    if curve is None:
        return None
    rows, words = track.known[curve.ends], found.target.words
    bounds = {"colour": "accent-soft", "width": 1}
    return {
        "x": track.sessions[rows].astype(np.int64).tolist(),
        "x_label": gettext("session"),
        "unit": "percent",
        "height": 240,
        "series": [
            {"label": gettext("upper end"), "values": _rounded(curve.upper), **bounds},
            {"label": gettext("lower end"), "values": _rounded(curve.lower), **bounds},
            {"label": gettext(words.decisive), "values": _rounded(curve.skill), "width": 2},
            {
                "label": gettext(words.reference),
                "values": [0.0] * len(rows),
                "colour": "chart-3",
                "dash": True,
            },
        ],
        "bands": [[0, 1]],
    }


def _draw_walk_forward(found: TrackRecord, gettext: Any) -> dict[str, Any] | None:
    if found.walk_forward is None:
        return None
    chart = _draw_forecasts(found.walk_forward.track, gettext)
    # Nothing of it was issued, and so nothing withheld.
    return chart | {"series": chart["series"][:-1]}


def _range_of(track: Track) -> tuple[float, float]:
    """Return the ends of what is drawn; what came of a probability stands at the ends itself."""
    drawn = [track.forecast, track.base]
    if not track.target.probability:
        drawn.append(track.observed)
    known = np.concatenate(drawn)
    known = known[~np.isnan(known)]
    if not len(known):
        return 0.0, 1.0
    return max(0.0, float(known.min()) - 0.04), min(1.0, float(known.max()) + 0.04)


def _rounded(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in values]
