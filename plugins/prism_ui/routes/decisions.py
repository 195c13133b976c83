"""A decision on the champion: confirmed on a page of its own, taken by a worker, answered here."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from factorprism.pipelines.decisions import KINDS, PROMOTE, ROLL_BACK
from factorprism.targets import find_target
from factorprism.views import open_house
from factorprism.views.models import ModelsPage, read_models
from prism_ui.decision_runs import DecisionRun, read_decision, start_decision
from prism_ui.errors import BadQuestion
from prism_ui.languages import language_of
from prism_ui.navigation import SELECTION
from prism_ui.pages import (
    PageRequest,
    find_asked_signal,
    frame,
    link,
    read_params,
    remember_language,
)
from prism_ui.rendering import render
from prism_ui.security import FormDep, OperatorDep, Reader, ReaderDep

router = APIRouter()
LONGEST_REASON = 300
RUN_PREFIX = "page__"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@router.get("/decide")
async def ask_for_reason(request: Request, operator: OperatorDep) -> Response:
    """Show what is about to happen, and the form that makes it happen."""
    asked = ask(request, operator, "models", (*SELECTION, "action", "model"))
    return await run_in_threadpool(_draw_form, request, asked)


@router.post("/decide")
async def take_decision(request: Request, operator: FormDep) -> Response:
    """Hand the decision to a worker, once for each form, and lead to its answer."""
    asked = ask(request, operator, "models", SELECTION)
    run_id = await run_in_threadpool(_hand_over, asked, await request.form())
    asked.house.forget_version()
    url = link("decision", asked.params, run=run_id)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{url}", 303)


@router.get("/decision")
async def show_decision(request: Request, reader: ReaderDep) -> Response:
    """Show what came of a decision."""
    asked = ask(request, reader, "models", (*SELECTION, "run"))
    run = await run_in_threadpool(read_decision, asked.text("run") or "")
    if run.state != "waiting":
        asked.house.forget_version()
    return send(request, asked, "decision.html.j2", {"run": run, **_describe(run)})


def ask(request: Request, reader: Reader, page: str, params: tuple[str, ...]) -> PageRequest:
    """Return the question, which is never answered from memory."""
    return PageRequest(
        page, read_params(request, params), reader, language_of(request), open_house()
    )


def _draw_form(request: Request, asked: PageRequest) -> Response:
    action = _check_action(asked.text("action") or "")
    models = _read_models(asked, asked.text("model") or "")
    assert models.chosen is not None
    # Drawn anew each time: the number makes a second sending of this very form harmless.
    shown = {
        "models": models,
        "action": action,
        "candidate": models.chosen.row,
        "nonce": secrets.token_urlsafe(18),
        "longest_reason": LONGEST_REASON,
    }
    return send(request, asked, "decide.html.j2", shown)


def _hand_over(asked: PageRequest, form: FormData) -> str:
    """Start the run that the form asks for and return its id; raises `BadQuestion`."""
    action = _check_action(read_field(form, "action"))
    model_id = read_field(form, "model_id")
    models = _read_models(asked, model_id)
    run_id = f"{RUN_PREFIX}{read_nonce(form, 'Models')}"
    question = {
        "action": action,
        "model_id": model_id,
        "champion_id": read_field(form, "champion_id"),
        "reason": read_reason(form),
        "signal": models.signal,
    }
    start_decision(run_id, question, asked.reader.name)
    return run_id


def _read_models(asked: PageRequest, model_id: str) -> ModelsPage:
    """Return the page's models with `model_id` in full; raises `BadQuestion` or `NotHeld`."""
    if not model_id:
        raise BadQuestion("no model is named", remedy="Choose one on the page Models.")
    signal = find_asked_signal(asked)
    target = find_target(signal.target)
    return read_models(asked.house.warehouse, signal.name, target, model_id=model_id)


def _check_action(action: str) -> str:
    if action not in KINDS:
        raise BadQuestion(
            f"{action[:40]!r} is no decision on the champion",
            remedy=f"It is {PROMOTE} or {ROLL_BACK}.",
        )
    return action


def read_nonce(form: FormData, page: str) -> str:
    """Return the number of the form, which `page` led to; raises `BadQuestion`."""
    nonce = read_field(form, "nonce")
    if not _NONCE.fullmatch(nonce):
        raise BadQuestion("the form has no number", remedy=f"Open it again from the page {page}.")
    return nonce


def read_reason(form: FormData) -> str:
    """Return the reason in one line; raises `BadQuestion`."""
    reason = " ".join(read_field(form, "reason").split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadQuestion(
            f"a decision needs a reason of 1 to {LONGEST_REASON} characters",
            remedy="Go back and write one sentence.",
        )
    return reason


def read_field(form: FormData, name: str) -> str:
    """Return a field of the form, empty where it is absent; raises `BadQuestion`."""
    value = form.get(name, "")
    if not isinstance(value, str) or "\0" in value or len(value) > 10 * LONGEST_REASON:
        raise BadQuestion(f"the field {name} cannot be read", remedy="Write it shorter.")
    return value.strip()


def _describe(run: DecisionRun) -> Mapping[str, Any]:
    return {
        "model_id": str(run.asked.get("model_id", "")),
        "action": str(run.asked.get("action", "")),
        "finding_id": str(run.asked.get("finding_id", "")),
    }


def send(request: Request, asked: PageRequest, template: str, shown: Mapping[str, Any]) -> Response:
    """Answer with `template`, which no browser keeps."""
    html = render(template, asked.language, frame(asked) | dict(shown))
    response = HTMLResponse(html, headers={"cache-control": "no-store"})
    remember_language(request, response)
    return response
