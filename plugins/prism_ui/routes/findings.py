"""A finding of the gate declared to be no fault: asked for on a page, written by a worker."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from factorprism.core.errors import QualityError
from factorprism.market.findings import Finding
from factorprism.pipelines.accepting import ACCEPT, require_acceptable
from factorprism.views import NotHeld
from prism_ui.decision_runs import start_decision
from prism_ui.errors import BadQuestion
from prism_ui.navigation import SELECTION
from prism_ui.pages import PageRequest, link
from prism_ui.routes.decisions import (
    LONGEST_REASON,
    RUN_PREFIX,
    ask,
    read_field,
    read_nonce,
    read_reason,
    send,
)
from prism_ui.security import FormDep, OperatorDep

router = APIRouter()


@router.get("/accept")
async def ask_why(request: Request, operator: OperatorDep) -> Response:
    """Show the finding, and the form that accepts it."""
    asked = ask(request, operator, "data", (*SELECTION, "finding"))
    return await run_in_threadpool(_draw_form, request, asked)


@router.post("/accept")
async def accept(request: Request, operator: FormDep) -> Response:
    """Hand the acceptance to a worker, once for each form, and lead to its answer."""
    asked = ask(request, operator, "data", SELECTION)
    run_id = await run_in_threadpool(_hand_over, asked, await request.form())
    asked.house.forget_version()
    url = link("decision", asked.params, run=run_id)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{url}", 303)


def _draw_form(request: Request, asked: PageRequest) -> Response:
    # Drawn anew each time: the number makes a second sending of this very form harmless.
    shown = {
        "finding": _find(asked, asked.text("finding") or ""),
        "nonce": secrets.token_urlsafe(18),
        "longest_reason": LONGEST_REASON,
    }
    return send(request, asked, "accept.html.j2", shown)


def _hand_over(asked: PageRequest, form: FormData) -> str:
    """Start the run that the form asks for and return its id; raises `BadQuestion`."""
    finding = _find(asked, read_field(form, "finding_id"))
    run_id = f"{RUN_PREFIX}{read_nonce(form, 'Data')}"
    question = {
        "action": ACCEPT,
        "finding_id": finding.finding_id,
        "reason": read_reason(form),
    }
    start_decision(run_id, question, asked.reader.name)
    return run_id


def _find(asked: PageRequest, finding_id: str) -> Finding:
    if not finding_id:
        raise BadQuestion("no finding is named", remedy="Choose one on the page Data.")
    finding = asked.house.warehouse.findings.load_finding(finding_id)
    if finding is None:
        raise NotHeld(
            f"no finding {finding_id[:40]!r} is known", remedy="Choose one on the page Data."
        )
    try:
        require_acceptable(finding)
    except QualityError as error:
        raise BadQuestion(error.message, remedy=error.remedy) from error
    return finding
