"""Draws what the warehouse holds as PNG, when somebody asks for it.

A picture is of what the UI shows of the same. Its file is called for its signal, session and model
(or the size of its contest), so that none is written over another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from factorprism.cli.contest_pictures import (
    draw_backtest,
    draw_contest,
    draw_reliability,
    draw_training,
)
from factorprism.cli.context import open_warehouse
from factorprism.cli.forecast_pictures import (
    Asked,
    draw_attribution,
    draw_image,
    draw_neighbours,
    draw_shares,
)
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run
from factorprism.reports import write_contest
from factorprism.targets import find_target
from factorprism.views.contest import load_tabulated

Draw = Callable[[Asked], Path]
_OF_FORECAST, _OF_CONTEST = ("--session", "--model"), ("--session",)
# What may be drawn, the function that draws it, and its options beside those that all take.
DRAWINGS: Mapping[str, tuple[Draw, tuple[str, ...]]] = {
    "image": (draw_image, _OF_FORECAST),
    "attribution": (draw_attribution, _OF_FORECAST),
    "shares": (draw_shares, _OF_FORECAST),
    "neighbours": (draw_neighbours, _OF_FORECAST),
    "training": (draw_training, ("--model",)),
    "contest": (draw_contest, _OF_CONTEST),
    "backtest": (draw_backtest, _OF_CONTEST),
    "reliability": (draw_reliability, (*_OF_CONTEST, "--model")),
}


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
    out_of_sample = (
        ("backtest", "reliability") if find_target(asked.signal.target).probability else ()
    )
    pictures = [_draw(replace(asked, drawing=drawing)) for drawing in ("contest", *out_of_sample)]
    return write_contest(report, pictures, pictures[0].with_suffix(".md"))


def _folder(config: Config) -> Path:
    return config.home / "images"


def _draw(asked: Asked) -> Path:
    draw, _ = DRAWINGS[asked.drawing]
    return draw(asked)
