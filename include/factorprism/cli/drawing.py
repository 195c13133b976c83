"""Draws what the warehouse holds as PNG, when somebody asks for it.

A picture is of what the UI shows of the same. Its file is called for its signal, session and model
(or the size of its contest), so that none is written over another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from factorprism.cli.context import open_warehouse
from factorprism.cli.explaining import find_explained
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.readings import ForecastLine
from factorprism.core.schemas import FloatArray
from factorprism.core.signals import Signal, find_signal
from factorprism.forecasts.explain import Neighbour, Precedents
from factorprism.pipelines import NO_MODEL, Ports, Run
from factorprism.pipelines.champions import load_record
from factorprism.reports import (
    render_accounts,
    render_attribution,
    render_gains,
    render_image,
    render_neighbours,
    render_reliability,
    render_shares,
    render_training,
    write_contest,
)
from factorprism.targets import find_target
from factorprism.views import NotHeld, choose_line, require_held
from factorprism.views.contest import HeldContest, load_tabulated, read_contest
from factorprism.views.image import ImagePage, Picture, Reasons, read_image
from factorprism.views.models import read_models


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


def draw_picture(
    drawing: str, session: date | None, signal: str, model: str, out: Path | None
) -> Path:
    """Draw one of `DRAWINGS` and return where it lies; nothing else is written.

    Raises `ConfigurationError` for an option that the drawing does not take, and `NotHeld` where
    the warehouse does not hold what it shows.
    """
    _, options = DRAWINGS[drawing]
    for option, given in (("--session", session), ("--model", model)):
        if given and option not in options:
            raise ConfigurationError(
                f"draw {drawing} takes no {option}",
                remedy=f"It takes {', '.join((*options, '--signal', '--out'))}.",
            )
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigurationError(
            f"--out {out}: a picture is a PNG", remedy="Name a file that ends in .png."
        )
    with open_warehouse() as (config, ports):
        chosen = find_signal(config, signal)
        return _draw(Asked(drawing, chosen, session, model, config, ports, _folder(config), out))


def draw_of(run: Run, drawing: str) -> Path:
    """Draw one of `DRAWINGS` of the run's session; raises as `draw_picture` does."""
    folder = _folder(run.config)
    return _draw(Asked(drawing, run.signal, run.session, "", run.config, run.ports, folder))


def draw_page(asked: Asked) -> Path:
    """Write the page of the contest asked for, with those pictures that its target has."""
    report = load_tabulated(asked.ports.warehouse, asked.signal.name, asked.session)
    judged = ("backtest", "reliability") if find_target(asked.signal.target).probability else ()
    pictures = [_draw(replace(asked, drawing=drawing)) for drawing in ("contest", *judged)]
    return write_contest(report, pictures, pictures[0].with_suffix(".md"))


def _folder(config: Config) -> Path:
    return config.home / "images"


def _draw(asked: Asked) -> Path:
    draw, _ = DRAWINGS[asked.drawing]
    return draw(asked)


def _draw_image(asked: Asked) -> Path:
    line = _find_line(asked)
    session = asked.session or line.last
    if asked.model:
        load_record(Run(session, asked.signal, asked.config, asked.ports), asked.model)
    page = read_image(asked.ports.warehouse, asked.config, line, session, asked.model)
    picture = _require_picture(page)
    return render_image(
        _scale(picture, page.session),
        sessions=picture.sessions,
        factors=picture.factors,
        channels=picture.channels,
        title=f"{page.symbol}, {len(picture.sessions)} sessions to {page.session}",
        path=asked.path(page.session, _model_of(page)),
        forecast=page.row,
    )


def _draw_attribution(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page), _require_reasons(page)
    if reasons.attribution is None:
        raise _not_kept(page, "attribution")
    return render_attribution(
        _scale(picture, page.session),
        reasons.attribution,
        sessions=picture.sessions,
        title=f"{page.symbol}, {page.session}: attribution of the forecast",
        path=asked.path(page.session, _model_of(page)),
        forecast=page.row,
        output=page.target.words.output,
        stability=reasons.agreement,
    )


def _draw_shares(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page), _require_reasons(page)
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


def _draw_neighbours(asked: Asked) -> Path:
    page = _read_explained(asked)
    picture, reasons = _require_picture(page), _require_reasons(page)
    if reasons.distance is None or reasons.threshold is None:
        raise _not_kept(page, "nearest neighbours")
    values = _scale(picture, page.session)[..., 0]
    neighbours = tuple(
        Neighbour(one.session, one.outcome_end, one.distance, one.forward_return)
        for one in reasons.precedents
    )
    held = [(one.picture, one.sessions) for one in reasons.precedents]
    return render_neighbours(
        [values, *(values[:0] if image is None else image for image, _ in held)],
        Precedents(page.session, neighbours, reasons.novel, reasons.distance, reasons.threshold),
        sessions=[picture.sessions, *(days for _, days in held)],
        factors=picture.factors,
        title=f"{page.symbol}, {page.session}: the nearest neighbours of the image",
        path=asked.path(page.session, _model_of(page)),
    )


def _draw_training(asked: Asked) -> Path:
    target = find_target(asked.signal.target)
    chosen = read_models(
        asked.ports.warehouse, asked.signal.name, target, model_id=asked.model
    ).chosen
    if chosen is None:
        raise NotHeld(
            f"no model of {asked.signal.name} is held",
            remedy=f"Train one: factorprism train --signal {asked.signal.name}",
        )
    record = chosen.row.model.record
    if chosen.training is None or not chosen.training.epochs:
        raise NotHeld(
            f"the training of {record.model_id} has left no curves",
            remedy=f"Name another: factorprism models list --signal {asked.signal.name}",
        )
    return render_training(
        chosen.training.epochs,
        title=f"Training of {record.model_id}",
        path=asked.path(record.trained_through, record.model_id),
    )


def _draw_contest(asked: Asked) -> Path:
    report = load_tabulated(asked.ports.warehouse, asked.signal.name, asked.session)
    path = asked.path(report.as_of, str(report.content.get("size", "full")))
    return render_gains(report, find_target(asked.signal.target), path)


def _draw_backtest(asked: Asked) -> Path:
    contest = _read_contest(asked)
    rule, accounts = contest.trade()
    path = asked.path(contest.report.as_of, str(contest.report.content.get("size", "full")))
    return render_accounts(accounts, contest.best, rule, path)


def _draw_reliability(asked: Asked) -> Path:
    contest = _read_contest(asked)
    entrant = contest.find_entrant(asked.model)
    y_prob, went_up = contest.read_probabilities(entrant)
    return render_reliability(
        contest.rows_of(entrant),
        y_prob,
        went_up,
        asked.signal.horizon,
        title=f"Reliability of {entrant}",
        path=asked.path(contest.report.as_of, entrant),
    )


def _read_contest(asked: Asked) -> HeldContest:
    report = load_tabulated(asked.ports.warehouse, asked.signal.name, asked.session)
    return read_contest(Run(report.as_of, asked.signal, asked.config, asked.ports))


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


def _require_picture(page: ImagePage) -> Picture:
    if page.picture is None:
        require_held(page.session, page.known, page.symbol)
        raise NotHeld(
            f"the factors of {page.session} are not held",
            remedy="Load them: factorprism backfill",
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


def _scale(picture: Picture, session: date) -> FloatArray:
    """Return the cells in z as they are coloured; raises `NotHeld` where there is no scale."""
    if picture.scaled is None:
        raise NotHeld(
            f"a factor has no value in any session up to {session}, so there is no scale",
            remedy="Load an earlier start of the history: factorprism backfill",
        )
    return picture.scaled


def _model_of(page: ImagePage) -> str:
    if page.row is not None:
        return page.row.model_id
    return page.model.model_id if page.model else NO_MODEL


Draw = Callable[[Asked], Path]
_OF_FORECAST, _OF_CONTEST = ("--session", "--model"), ("--session",)
# What may be drawn, by whom, and with which options beside those that all take.
DRAWINGS: Mapping[str, tuple[Draw, tuple[str, ...]]] = {
    "image": (_draw_image, _OF_FORECAST),
    "attribution": (_draw_attribution, _OF_FORECAST),
    "shares": (_draw_shares, _OF_FORECAST),
    "neighbours": (_draw_neighbours, _OF_FORECAST),
    "training": (_draw_training, ("--model",)),
    "contest": (_draw_contest, _OF_CONTEST),
    "backtest": (_draw_backtest, _OF_CONTEST),
    "reliability": (_draw_reliability, (*_OF_CONTEST, "--model")),
}
