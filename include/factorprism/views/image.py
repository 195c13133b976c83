"""What did the network see? A session's image, its scale, its reasons and nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from factorprism.core.config import Config
from factorprism.core.contest import Explanation
from factorprism.core.ledger import Forecast, ForecastLine
from factorprism.core.models import ModelRecord
from factorprism.core.signals import Signal
from factorprism.factors import Normaliser
from factorprism.forecasts import ImageWindow
from factorprism.pipelines import NO_MODEL, Ports, Run, champion_at
from factorprism.targets import Target
from factorprism.views._match import Match, compare_hashes
from factorprism.views._picture import (
    SCALE_SESSIONS,
    Closes,
    Picture,
    Scale,
    build_picture,
    find_scale,
    load_closes,
)
from factorprism.views._reasons import NearestNeighbour, Reasons, build_reasons
from factorprism.views._window import (
    choose_row,
    is_session,
    load_held_window,
    load_record,
    load_rows,
    open_run,
)
from factorprism.warehouse import PostgresWarehouse

__all__ = [
    "SCALE_SESSIONS",
    "Absence",
    "Closes",
    "ImagePage",
    "Match",
    "NearestNeighbour",
    "Picture",
    "Reasons",
    "Scale",
    "read_image",
    "read_picture",
]


class Absence(StrEnum):
    """Why a part of the page is empty."""

    NO_SESSION = "no_session"  # the exchange does not trade on that day
    NO_FACTORS = "no_factors"  # no window of factors is held for it
    NO_FORECAST = "no_forecast"  # the ledger has no row of it
    NO_CHAMPION = "no_champion"  # nobody was there to read the image
    WITHHELD = "withheld"  # the gate refused before anything was explained
    NOT_EXPLAINED = "not_explained"  # the row was issued by a version without explanations


@dataclass(frozen=True, eq=False)
class ImagePage:
    """Everything that the page of one session shows.

    `known` are the sessions that the ledger knows, ascending. `row` is the row that stands for
    the session, `model` whom it names, or the champion in force where there is none. A part that
    is None says why in `absent_picture` or `absent_reasons`.
    """

    symbol: str
    target: Target
    session: date
    known: tuple[date, ...] = field(repr=False)
    row: Forecast | None
    model: ModelRecord | None
    picture: Picture | None
    closes: Closes | None
    match: Match
    reasons: Reasons | None
    absent_picture: Absence | None = None
    absent_reasons: Absence | None = None


def read_image(
    warehouse: PostgresWarehouse,
    config: Config,
    line: ForecastLine,
    session: date,
    model_id: str = "",
) -> ImagePage:
    """Return the page of `session` of `line`; reads the warehouse alone.

    With `model_id` it is about that model and its own forecast, whether or not it was the champion.

    Nothing after the close of `session` is shown, except in the nearest neighbours what followed
    them. Raises `WarehouseError` when the warehouse cannot be reached.
    """
    run = open_run(warehouse, config, line, session)
    row = choose_row([row for row in load_rows(run) if model_id in ("", row.model_id)])
    record = load_record(run, model_id) or _load_reader(run, row)
    window, normaliser, picture = _draw(run, record)
    explanation = _load_explanation(run, row)
    return ImagePage(
        symbol=line.symbol,
        target=run.target,
        session=session,
        known=tuple(warehouse.forecasts.list_sessions(line.signal)),
        row=row,
        model=record,
        picture=picture,
        closes=load_closes(run, window) if window is not None else None,
        match=match_image(row, picture),
        reasons=build_reasons(run, explanation, normaliser) if explanation else None,
        absent_picture=None if picture else _absent_picture(run),
        absent_reasons=None if explanation else _absent_reasons(row),
    )


def read_picture(
    warehouse: PostgresWarehouse, config: Config, signal: Signal, session: date
) -> tuple[Picture | None, Match]:
    """Return the image alone, as `read_image` shows it, and whether it is the one of the ledger.

    None where the signal's index has no window of factors that ends at `session`.
    """
    run = Run(session, signal, config, Ports(config, warehouse))
    row = choose_row(load_rows(run))
    *_, picture = _draw(run, _load_reader(run, row))
    return picture, match_image(row, picture)


def _draw(
    run: Run, record: ModelRecord | None
) -> tuple[ImageWindow | None, Normaliser | None, Picture | None]:
    window = load_held_window(run, record.lookback if record else run.signal.lookback)
    normaliser, scale = find_scale(run, record, window)
    picture = build_picture(window, normaliser, scale) if window is not None else None
    return window, normaliser, picture


def match_image(row: Forecast | None, picture: Picture | None) -> Match:
    """Tell whether the image that `row` names is the one that is shown."""
    if row is None or not row.image_hash:
        return Match.UNRECORDED
    if picture is None:
        return Match.UNKNOWN
    # Without the model's scale the factors alone can be compared, which the image follows from.
    if picture.image_hash:
        return compare_hashes(row.image_hash, picture.image_hash).match
    return compare_hashes(row.factor_hash, picture.factor_hash).match


def _load_reader(run: Run, row: Forecast | None) -> ModelRecord | None:
    named = row.model_id if row and row.model_id != NO_MODEL else champion_at(run, run.session)
    return load_record(run, named)


def _load_explanation(run: Run, row: Forecast | None) -> Explanation | None:
    if row is None:
        return None
    store = run.ports.warehouse.explanations
    return store.load_explanation(row.signal, row.session, row.model_id)


def _absent_picture(run: Run) -> Absence:
    return Absence.NO_FACTORS if is_session(run, run.session) else Absence.NO_SESSION


def _absent_reasons(row: Forecast | None) -> Absence:
    if row is None:
        return Absence.NO_FORECAST
    if row.model_id == NO_MODEL:
        return Absence.NO_CHAMPION
    return Absence.NOT_EXPLAINED if row.image_hash else Absence.WITHHELD
