"""Asks Airflow's health page, which answers with status 200 even where a part of it is ill."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from factorprism.core.config import Config
from factorprism.core.errors import ServiceError
from factorprism.services._airflow_api import HEALTH_PAGE
from factorprism.services._ports import FREE_THE_PORT
from factorprism.services.airflow import EmbeddedAirflow

EXECUTION_API_URL = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"


def airflow_address(config: Config) -> str:
    """Return where Airflow answers: where tasks reach it, the UI's address, or the embedded one's.

    In a container the UI's address is for people, and leads nowhere. Empty: none is known.
    """
    if inside := os.environ.get(EXECUTION_API_URL, "").strip():
        return inside.rstrip("/").removesuffix("/execution")
    if config.ui_url:
        return config.ui_url.rstrip("/")
    embedded = EmbeddedAirflow(config.home, "", {})
    return embedded.address if (embedded.folder / "ports.json").is_file() else ""


def require_airflow(config: Config, timeout_seconds: float) -> str:
    """Return the address of an Airflow that is well, empty where none is known.

    Raises `ServiceError` where it does not answer in time or a part of it is ill; where the
    embedded one waits for a port, with who holds that.
    """
    address = airflow_address(config)
    if not address or not (ill := _find_ill(address, timeout_seconds)):
        return address
    if taken := next(iter(EmbeddedAirflow(config.home, "", {}).blocked().values()), ""):
        raise ServiceError(f"{ill}: {taken}", remedy=f"{FREE_THE_PORT}.")
    remedy = "Start it again: factorprism services start, or your own service."
    raise ServiceError(ill, remedy=remedy)


def _find_ill(address: str, timeout_seconds: float) -> str:
    """Return what is ill with the Airflow at `address`, in one sentence; empty for nothing.

    A part that is not deployed has no status and is not ill.
    """
    import httpx  # a fifth of a second, so not before the question

    # A proxy of the environment must not see calls to this machine.
    here = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        answer = httpx.get(
            f"{address}{HEALTH_PAGE}",
            timeout=timeout_seconds,
            trust_env=not here,
            follow_redirects=True,
        )
        parts = answer.raise_for_status().json()
        states = {name: (part or {}).get("status") for name, part in parts.items()}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        return f"Airflow does not answer at {address} ({type(error).__name__})"
    ill = [name for name, state in states.items() if state not in (None, "healthy")]
    if "scheduler" not in states:
        return f"what answers at {address} is not Airflow's health page"
    if states["scheduler"] is None:
        ill.append("scheduler")
    return f"Airflow's {', '.join(ill)} is not healthy at {address}" if ill else ""
