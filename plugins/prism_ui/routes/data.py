"""Data: what is held and what is missing, what the gates said, what was revised afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import dates
from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.core.universe import Universe
from factorprism.market.bars import PullState
from factorprism.views import NotHeld, list_shown_lines
from factorprism.views.data import read_data, read_year
from prism_ui.errors import BadQuestion
from prism_ui.languages import Language
from prism_ui.navigation import SELECTION
from prism_ui.pages import PageRequest, find_asked_signal, show
from prism_ui.security import ReaderDep

router = APIRouter()
SHOWN_ASIDE = 50  # rows set aside, the latest; `factorprism quality` has them all
PARAMS = (*SELECTION, "symbol", "year")


@router.get("/data")
async def open_data(request: Request, reader: ReaderDep) -> Response:
    """Show all years of one symbol, or one year of it day by day."""
    if request.query_params.get("year"):
        return await show(
            request, reader, "data", build_year, params=PARAMS, template="data_year.html.j2"
        )
    return await show(request, reader, "data", build, params=PARAMS)


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with what is held of the symbol asked for, or of the target."""
    warehouse, config = asked.house.warehouse, asked.house.config
    lines = list_shown_lines(warehouse, config)
    signal = find_asked_signal(asked)
    line = next((one for one in lines if one.signal == signal.name), None)
    universe = signal.universe
    session = asked.day("session")
    _check_symbol(universe, asked.text("symbol"))
    data = read_data(
        warehouse,
        universe,
        signal.name,
        symbol=asked.text("symbol") or "",
        session=session,
    )
    counts = [(state.value, data.pull_counts.get(state, 0)) for state in PullState]
    return {
        "data": data,
        "lines": lines,
        "line": line,
        "pull_counts": counts,
        "month_names": name_months(asked.language),
        "may_accept": asked.reader.may_act,
        "shown_aside": SHOWN_ASIDE,
    }


def build_year(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with one year of one symbol."""
    universe = find_asked_signal(asked).universe
    symbol = _check_symbol(universe, asked.text("symbol"))
    year = asked.whole("year")
    assert year is not None  # or the other page is shown
    try:
        found = read_year(asked.house.warehouse, universe, symbol, year)
    except ValueError as exc:
        raise NotHeld(str(exc), remedy="Choose a year on the page Data.") from exc
    return {
        "year": found,
        "month_names": name_months(asked.language),
        "day_names": name_days(asked.language),
    }


def name_months(language: Language) -> list[str]:
    """Return the twelve months, short, January first."""
    names = dates.get_month_names("abbreviated", "stand-alone", language.locale)
    return [str(names[month]) for month in range(1, 13)]


def name_days(language: Language) -> list[tuple[str, str]]:
    """Return the days of the week from Monday, each as one or two letters and in full."""
    short = dates.get_day_names("narrow", "stand-alone", language.locale)
    full = dates.get_day_names("wide", "stand-alone", language.locale)
    return [(str(short[day]), str(full[day])) for day in range(7)]


def _check_symbol(universe: Universe, symbol: str | None) -> str:
    if symbol and symbol not in universe.channels:
        raise BadQuestion(
            f"{symbol!r} is no symbol of universe {universe.name}",
            remedy=f"Choose one of: {', '.join(universe.channels)}.",
        )
    return symbol or universe.target
