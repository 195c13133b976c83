"""Models: who forecasts and why, who else could, and what the contest came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.core.models import Evaluation, TrainingSummary
from factorprism.targets import Target, find_target
from factorprism.views import list_shown_lines
from factorprism.views.models import list_figures, read_models
from prism_ui.languages import Language
from prism_ui.navigation import SELECTION
from prism_ui.pages import PageRequest, find_asked_signal, show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/models")
async def open_models(request: Request, reader: ReaderDep) -> Response:
    """Show the champion, one model in full, the contest and the ledger."""
    return await show(request, reader, "models", build, params=(*SELECTION, "model", "all"))


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer for the signal asked for; ``model`` is shown in full, by default the champion."""
    warehouse, config = asked.house.warehouse, asked.house.config
    lines = list_shown_lines(warehouse, config)
    signal = find_asked_signal(asked)
    target = find_target(signal.target)
    models = read_models(
        warehouse,
        signal.name,
        target,
        model_id=asked.text("model") or "",
        every=asked.text("all") is not None,
    )
    training = models.chosen.training if models.chosen else None
    return {
        "models": models,
        "lines": lines,
        "line": next((one for one in lines if one.signal == signal.name), None),
        "may_decide": asked.reader.may_act,
        "figure_rows": [
            [_write_figure(item, target, asked.language) for item in evaluated.figures]
            for evaluated in (models.chosen.evaluated if models.chosen else ())
        ],
        **_describe_training(training, target, asked.language),
    }


def _write_figure(item: Evaluation, target: Target, language: Language) -> list[str]:
    """Return a figure's name, value, interval and the reference's, as the contest writes them."""
    name, form = list_figures(target).get(item.metric, (item.metric.replace("_", " "), ".4f"))
    digits, signed = int(form.lstrip("+")[1]), form.startswith("+")

    def write(value: float) -> str:
        if form.endswith("%"):
            return language.percent(value, digits, signed=signed)
        return language.number(value, digits, signed=signed)

    interval = f"{write(item.lower)} – {write(item.upper)}"
    return [language.gettext(name), write(item.value), interval, write(item.reference)]


def _describe_training(
    training: TrainingSummary | None, target: Target, language: Language
) -> Mapping[str, Any]:
    """Return the curve for uPlot, and all figures of each epoch as a table."""
    if training is None or not training.epochs:
        return {"curve": None, "epoch_head": [], "epoch_rows": []}
    gettext = language.gettext
    names = sorted({name for epoch in training.epochs for name in epoch} - {"epoch"})
    loss = target.head.loss
    curves = ((loss, "training", "chart-1"), (f"val_{loss}", "held out", "chart-4"))
    shown = [curve for curve in curves if curve[0] in names] or [
        (name, name, f"chart-{index}") for index, name in enumerate(names[:4], start=1)
    ]
    curve = {
        "x": [_number_of(epoch, index) for index, epoch in enumerate(training.epochs, start=1)],
        "x_unit": "number",
        "x_label": gettext("epoch"),
        "series": [
            {
                "label": gettext(label),
                "colour": colour,
                "width": 2,
                "values": [epoch.get(name) for epoch in training.epochs],
            }
            for name, label, colour in shown
        ],
    }
    rows = [
        [_number_of(epoch, index), *(language.number(epoch.get(name), 4) for name in names)]
        for index, epoch in enumerate(training.epochs, start=1)
    ]
    head = [(gettext("epoch"), "number"), *((name, "number") for name in names)]
    return {"curve": curve, "epoch_head": head, "epoch_rows": rows}


def _number_of(epoch: Mapping[str, float], index: int) -> int:
    return int(epoch.get("epoch", index))
