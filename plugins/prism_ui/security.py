"""Who may look and who may act: Airflow's own permissions, and forms bound to the login."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_dag,
    requires_access_view,
)
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from prism_ui.decision_runs import DAG_ID
from prism_ui.errors import FormRefused

TOKEN_FIELD = "form_token"
TOKEN_SECONDS = 12 * 3600
# Tokens of one hour are alike, so that a kept page stays good for all who may act.
TOKEN_STEP_SECONDS = 3600

# A right to read that is taken away ends within this time; the right to act is asked each time.
RIGHTS_SECONDS = 2.0
MOST_READERS = 1000

_may_use_site = requires_access_view(AccessView.WEBSITE)
_may_read = requires_access_dag("GET", None, DAG_ID)
_may_trigger = requires_access_dag("POST", DagAccessEntity.RUN, DAG_ID)


@dataclass(frozen=True)
class Reader:
    """Who asks: `login` is Airflow's id of the user, `name` what people call them."""

    login: str
    name: str
    may_act: bool


_readers: dict[tuple[str | None, ...], tuple[float, Reader]] = {}


async def require_reader(request: Request, user: GetUserDep) -> Reader:
    """Let whoever may read ``model_decision`` pass; 401 without a login, 403 without the right.

    The login is checked each time. What it may read is asked once in `RIGHTS_SECONDS`, since an
    auth manager may answer from a database, for which a thread of many would have to wait.
    """
    now = time.monotonic()
    # By the credential, since two logins of one name may have different rights.
    sent = (request.headers.get("authorization"), request.cookies.get(COOKIE_NAME_JWT_TOKEN))
    login = (*sent, str(user.get_id()))
    known = _readers.get(login)
    if known is not None and now - known[0] < RIGHTS_SECONDS:
        return known[1]
    reader = await run_in_threadpool(_ask_rights, request, user)
    if len(_readers) >= MOST_READERS:
        _readers.clear()
    _readers[login] = (now, reader)
    return reader


def _ask_rights(request: Request, user: GetUserDep) -> Reader:
    _may_use_site(request, user)
    _may_read(request, user)
    return Reader(str(user.get_id()), user.get_name(), _is_operator(user))


def require_operator(request: Request, user: GetUserDep) -> Reader:
    """Let whoever may trigger ``model_decision`` pass."""
    _may_use_site(request, user)
    _may_trigger(request, user)
    return Reader(str(user.get_id()), user.get_name(), True)


async def require_form(
    request: Request, operator: Annotated[Reader, Depends(require_operator)]
) -> Reader:
    """Let a form pass that an operator sent from a page of this server; raises `FormRefused`."""
    _require_same_origin(request)
    form = await request.form()
    if not is_valid_token(str(form.get(TOKEN_FIELD, "")), operator.login, time.time()):
        raise FormRefused(
            "the form is too old or was made for another login",
            remedy="Open the page again and send the form from there.",
        )
    return operator


ReaderDep = Annotated[Reader, Depends(require_reader)]
OperatorDep = Annotated[Reader, Depends(require_operator)]
FormDep = Annotated[Reader, Depends(require_form)]


def make_token(login: str, now: float) -> str:
    """Return the token that forms of `login` carry; `now` in seconds since the epoch."""
    issued = str(int(now) // TOKEN_STEP_SECONDS * TOKEN_STEP_SECONDS)
    return f"{issued}.{_sign(login, issued)}"


def is_valid_token(token: str, login: str, now: float) -> bool:
    """Tell whether `token` was made for `login` within the last `TOKEN_SECONDS`."""
    issued, _, signature = token.partition(".")
    if not (issued.isascii() and issued.isdigit() and signature.isascii()):
        return False
    if not 0 <= now - int(issued) <= TOKEN_SECONDS:
        return False
    return hmac.compare_digest(signature, _sign(login, issued))


def _sign(login: str, issued: str) -> str:
    secret = conf.get_mandatory_value("api", "secret_key").encode()
    return hmac.new(secret, f"prism form\n{issued}\n{login}".encode(), hashlib.sha256).hexdigest()


def _is_operator(user: GetUserDep) -> bool:
    team = DagModel.get_team_name(DAG_ID)
    return get_auth_manager().is_authorized_dag(
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=DAG_ID, team_name=team),
        user=user,
    )


def _require_same_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = {
        request.headers.get("host", ""),
        urlsplit(conf.get("api", "base_url", fallback="")).netloc,
    }
    foreign = origin is not None and urlsplit(origin).netloc not in ours - {""}
    if foreign or (site is not None and site != "same-origin"):
        raise FormRefused(
            "the form was sent from another site",
            remedy="Open the page in Airflow and send the form from there.",
        )
