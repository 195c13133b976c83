"""What is running: one dictionary for the command line's table and its JSON."""

from __future__ import annotations

from typing import TypedDict

from factorprism.services._cluster import ROLE
from factorprism.services.airflow import EmbeddedAirflow
from factorprism.services.mlflow_ui import MlflowUi
from factorprism.services.postgres import EmbeddedPostgres


class ServiceStatus(TypedDict):
    """One service: "healthy", "unhealthy" or "down"; where to reach it, empty when down.

    `reason` says who holds the port that it waits for, empty where it waits for none.
    """

    service: str
    state: str
    address: str
    log: str
    reason: str


def services_status(
    postgres: EmbeddedPostgres, airflow: EmbeddedAirflow, mlflow: MlflowUi
) -> list[ServiceStatus]:
    """Return the state of the server, of each Airflow component and of MLflow's pages.

    Addresses carry no password.
    """
    up = postgres.is_running()
    rows: list[ServiceStatus] = [
        {
            "service": "postgres",
            "state": "healthy" if up else "down",
            "address": postgres.url(role=ROLE).split("@")[1] if up else "",
            "log": str(postgres.log),
            "reason": "",  # where its port is taken it takes another
        }
    ]
    blocked = airflow.blocked()
    for component, state in airflow.status().items():
        if component != "database":
            rows.append(
                {
                    "service": f"airflow {component}",
                    "state": state,
                    "address": airflow.address
                    if component == "api-server" and state != "down"
                    else "",
                    "log": str(airflow.logs / f"{component}.log"),
                    "reason": blocked.get(component, ""),
                }
            )
    state = mlflow.status()
    rows.append(
        {
            "service": "mlflow",
            "state": state,
            "address": mlflow.address if state != "down" else "",
            "log": str(mlflow.home.absolute() / "logs" / "mlflow" / "server.log"),
            "reason": mlflow.blocked(),
        }
    )
    return rows
