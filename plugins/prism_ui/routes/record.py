"""Track record: the forecasts of one line against what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.core.readings import Record
from factorprism.views.record import TrackRecord, read_track_record
from prism_ui.pages import Asked, show
from prism_ui.reliability import lay_out_reliability
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/record")
async def open_record(request: Request, reader: ReaderDep) -> Response:
    """Show the record of one line of forecasts."""
    return await show(request, reader, "record", build)


def build(asked: Asked) -> Mapping[str, Any]:
    """Answer with the line asked for, or with the configured one."""
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
        "forecasts_chart": _draw_forecasts(found.record, gettext),
        "skill_chart": _draw_skill(found, gettext),
        "yearly_skill": list(_yearly_skill(found)),
        "diagram": lay_out_reliability(found.bins),
        "walk_chart": _draw_walk_forward(found, gettext),
    }


def _yearly_skill(found: TrackRecord) -> Iterator[dict[str, Any]]:
    """Yield the last point of each year, newest first: the chart in a dozen figures."""
    curve, record = found.curve, found.record
    if curve is None:
        return
    days = record.sessions[np.flatnonzero(record.settled & record.issued)[curve.ends]]
    years = days.astype("datetime64[Y]")
    for place in np.flatnonzero(np.append(years[1:] != years[:-1], True))[::-1]:
        yield {
            "session": days[place].astype(date),
            "skill": curve.skill[place],
            "lower": curve.lower[place],
            "upper": curve.upper[place],
        }


def _draw_forecasts(record: Record, gettext: Any) -> dict[str, Any]:
    p_up = _rounded(record.values["p_up"])
    low, high = _range_of(record.values["p_up"], record.values["base_rate"])
    # What came of it stands at the edges, where it hides no forecast.
    rose, fell, withheld = (
        [edge if hit else None for hit in hits]
        for edge, hits in (
            (high, record.outcome == 1),
            (low, record.outcome == 0),
            ((low + high) / 2, ~record.issued),
        )
    )
    return {
        "x": record.sessions.astype(np.int64).tolist(),
        "x_label": gettext("session"),
        "unit": "percent",
        "range": [low - 0.01, high + 0.01],
        "height": 300,
        "series": [
            {"label": gettext("forecast"), "values": p_up, "colour": "chart-1"},
            {
                "label": gettext("base rate"),
                "values": _rounded(record.values["base_rate"]),
                "colour": "chart-3",
                "dash": True,
            },
            {
                "label": gettext("then rose"),
                "values": rose,
                "colour": "chart-5",
                "style": "points",
                "size": 3,
                "unit": "mark",
            },
            {
                "label": gettext("then fell"),
                "values": fell,
                "colour": "chart-4",
                "style": "points",
                "size": 3,
                "unit": "mark",
            },
            {
                "label": gettext("withheld"),
                "values": withheld,
                "colour": "chart-2",
                "style": "points",
                "size": 7,
                "unit": "mark",
            },
        ],
    }


def _draw_skill(found: TrackRecord, gettext: Any) -> dict[str, Any] | None:
    curve, record = found.curve, found.record
    if curve is None:
        return None
    rows = np.flatnonzero(record.settled & record.issued)[curve.ends]
    bounds = {"colour": "accent-soft", "width": 1}
    return {
        "x": record.sessions[rows].astype(np.int64).tolist(),
        "x_label": gettext("session"),
        "unit": "percent",
        "height": 240,
        "series": [
            {"label": gettext("upper end"), "values": _rounded(curve.upper), **bounds},
            {"label": gettext("lower end"), "values": _rounded(curve.lower), **bounds},
            {"label": gettext("Brier skill"), "values": _rounded(curve.skill), "width": 2},
            {
                "label": gettext("base rate"),
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
    chart = _draw_forecasts(found.walk_forward.record, gettext)
    # Nothing of it was issued, and so nothing withheld.
    return chart | {"series": chart["series"][:-1]}


def _range_of(*columns: Any) -> tuple[float, float]:
    known = np.concatenate(columns)
    known = known[~np.isnan(known)]
    if not len(known):
        return 0.0, 1.0
    return max(0.0, float(known.min()) - 0.04), min(1.0, float(known.max()) + 0.04)


def _rounded(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in values]
