"""Draws a forecast's image, and what its explanation holds, by the view of the page **Image**.

Where the page says why a part is empty, a drawing is refused with what there is instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from factorprism.cli.explaining import find_explained
from factorprism.core.arrays import FloatArray
from factorprism.core.config import Config
from factorprism.core.ledger import ForecastLine
from factorprism.core.signals import Signal
from factorprism.forecasts.explain import NearestNeighbours, Neighbour
from factorprism.pipelines import NO_MODEL, Ports, Run
from factorprism.pipelines.champions import load_record
from factorprism.reports import (
    render_attribution,
    render_image,
    render_neighbours,
    render_shares,
)
from factorprism.views import NotHeld, choose_line, require_held
from factorprism.views.image import ImagePage, Picture, Reasons, read_image


@dataclass(frozen=True)
class Asked:
    """What somebody wants drawn; no `session` and an empty `model` mean the usual ones.

    It goes to the file `out`, or under its own name to `folder`.
    """

    drawing: str
    signal: Signal
    session: date | None
    model: str
    config: Config
    ports: Ports
    folder: Path
    out: Path | None = None

    def path(self, session: date, of: str) -> Path:
        """Return where the picture goes; `of` is the model, or the size of the contest."""
        name = f"{self.signal.name}-{session}-{of}-{self.drawing}.png"
        return self.out or self.folder / name


def draw_image(asked: Asked) -> Path:
    line = _find_line(asked)
    session = asked.session or line.last
    if asked.model:
        load_record(Run(session, asked.signal, asked.config, asked.ports), asked.model)
    page = read_image(asked.ports.warehouse, asked.config, line, session, asked.model)
    picture = _require_picture(page, asked)
    return render_image(
        _scale(picture, asked, page.session),
        sessions=picture.sessions,
        factors=picture.factors,
        channels=picture.channels,
        title=f"{page.symbol}, {len(picture.sessions)} sessions to {page.session}",
        path=asked.path(page.session, _model_of(page)),
        forecast=page.row,
    )


def draw_attribution(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page, asked), _require_reasons(page)
    if reasons.attribution is None:
        raise _not_kept(page, "attribution")
    return render_attribution(
        _scale(picture, asked, page.session),
        reasons.attribution,
        sessions=picture.sessions,
        title=f"{page.symbol}, {page.session}: attribution of the forecast",
        path=asked.path(page.session, _model_of(page)),
        forecast=page.row,
        output=page.target.words.output,
        stability=reasons.agreement,
    )


def draw_shares(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page, asked), _require_reasons(page)
    if reasons.shapley is None or reasons.surrogate is None:
        raise _not_kept(page, "Shapley values or surrogate")
    return render_shares(
        reasons.shapley,
        reasons.surrogate,
        {name: by_factor for name, (_, by_factor) in reasons.baselines.items()},
        factors=picture.factors,
        title=f"{page.symbol}, {page.session}: the same forecast by other methods",
        path=asked.path(page.session, _model_of(page)),
        output=page.target.words.output,
        stability=reasons.agreement,
    )


def draw_neighbours(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page, asked), _require_reasons(page)
    if reasons.distance is None or reasons.threshold is None:
        raise _not_kept(page, "nearest neighbours")
    values = _scale(picture, asked, page.session)[..., 0]
    neighbours = tuple(
        Neighbour(one.session, one.outcome_end, one.distance, one.forward_return)
        for one in reasons.nearest_neighbours
    )
    held = [(one.picture, one.sessions) for one in reasons.nearest_neighbours]
    return render_neighbours(
        [values, *(values[:0] if image is None else image for image, _ in held)],
        NearestNeighbours(
            page.session, neighbours, reasons.novel, reasons.distance, reasons.threshold
        ),
        sessions=[picture.sessions, *(days for _, days in held)],
        factors=picture.factors,
        title=f"{page.symbol}, {page.session}: the nearest neighbours of the image",
        path=asked.path(page.session, _model_of(page)),
    )


def _find_line(asked: Asked) -> ForecastLine:
    lines = asked.ports.warehouse.forecasts.list_lines()
    line = choose_line(lines, asked.config, asked.signal.name) if lines else None
    if line is None:
        raise NotHeld(
            "the ledger is empty",
            remedy=f"Make a forecast: factorprism daily --signal {asked.signal.name}",
        )
    return line


def _read_explained(asked: Asked) -> ImagePage:
    """Return the page of the explained forecast that is asked for, by default the newest."""
    line, warehouse = _find_line(asked), asked.ports.warehouse
    if asked.session is not None:
        known = warehouse.forecasts.list_sessions(line.signal)
        require_held(asked.session, known, line.symbol)
    rows = [row for row, _ in find_explained(asked.signal, asked.ports, asked.session)]
    chosen = [row for row in rows if asked.model in ("", row.model_id)]
    if not chosen:
        raise NotHeld(
            f"{asked.model} has no explained forecast of {rows[0].session}",
            remedy=f"Choose one of: {', '.join(row.model_id for row in rows)}.",
        )
    row = chosen[-1]
    return read_image(warehouse, asked.config, line, row.session, row.model_id)


def _require_picture(page: ImagePage, asked: Asked) -> Picture:
    if page.picture is None:
        require_held(page.session, page.known, page.symbol)
        raise NotHeld(
            f"the factors of {page.session} are not held",
            remedy=f"Load them: factorprism backfill --signal {asked.signal.name}",
        )
    return page.picture


def _require_reasons(page: ImagePage) -> Reasons:
    if page.reasons is None:
        raise _not_kept(page, "explanation")
    return page.reasons


def _not_kept(page: ImagePage, part: str) -> NotHeld:
    return NotHeld(
        f"the forecast of {page.session} by {_model_of(page)} was kept without its {part}",
        remedy="Draw another session's: factorprism explain names the newest.",
    )


def _scale(picture: Picture, asked: Asked, session: date) -> FloatArray:
    """Return the cells in z as they are coloured; raises `NotHeld` where there is no scale."""
    if picture.scaled is None:
        raise NotHeld(
            f"a factor has no value in any session up to {session}, so there is no scale",
            remedy="Load an earlier start of the history: factorprism backfill --start DATE "
            f"--end DATE --signal {asked.signal.name}",
        )
    return picture.scaled


def _model_of(page: ImagePage) -> str:
    if page.row is not None:
        return page.row.model_id
    return page.model.model_id if page.model else NO_MODEL
