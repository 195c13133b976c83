"""Asks Airflow's health page, which answers with status 200 even where a part of it is ill."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from factorprism.core.config import Config
from factorprism.services import EmbeddedAirflow

PATH = "/api/v2/monitor/health"
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


def find_taken_port(config: Config) -> str:
    """Say which port the embedded Airflow waits for and who holds it; empty where it does not."""
    return next(iter(EmbeddedAirflow(config.home, "", {}).blocked().values()), "")


def ask_airflow(address: str, timeout_seconds: float) -> str:
    """Return what is ill with the Airflow at `address`, in one sentence; empty for nothing.

    A part that is not deployed has no status and is not ill.
    """
    import httpx  # a fifth of a second, so not before the question

    # A proxy of the environment must not see calls to this machine.
    here = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        answer = httpx.get(
            f"{address}{PATH}", timeout=timeout_seconds, trust_env=not here, follow_redirects=True
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
