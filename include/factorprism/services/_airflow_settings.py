"""The settings of the embedded Airflow, as environment variables; secrets are made once."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import read_stripped, remembered
from factorprism.services._ports import LOOPBACK

USERS = {"admin": "admin", "viewer": "viewer"}  # user -> role
# A component that is silent for so long is ill; on a busy machine half a minute is nothing.
SILENT_SECONDS = 120
PARSE_SECONDS = 600  # for one file, which takes two on an idle machine
TASK_TOKEN_SECONDS = 24 * 3600  # longer than any training; an expired token kills its task
_QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SCARF_ANALYTICS": "false",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning",
}
_NOT_HANDED_ON = ("AIRFLOW__CORE__UNIT_TEST_MODE", "AIRFLOW_CONFIG")


def passwords_file(folder: Path) -> Path:
    return folder / "passwords.json"


def seed_passwords(folder: Path) -> dict[str, str]:
    """Return the password of each user, made on the first call, readable by the owner alone.

    Airflow would make them itself, in a file that everybody can read.
    """
    held: dict[str, str] = json.loads(read_stripped(passwords_file(folder)) or "{}")
    missing = [user for user in USERS if user not in held]
    if missing:
        held |= {user: secrets.token_urlsafe(18) for user in missing}
        write_atomic(passwords_file(folder), json.dumps(held) + "\n", mode=PRIVATE)
    return held


def airflow_environment(
    environ: Mapping[str, str],
    *,
    home: Path,
    repository: Path,
    database_url: str,
    ports: Mapping[str, int],
) -> dict[str, str]:
    """Return `environ` with all that the embedded Airflow needs; ours comes last.

    `database_url` is a libpq URL; `ports` names "api" and the two log servers "worker" and
    "trigger". Makes the secrets and the passwords where they are missing.
    """
    folder = home / "airflow"
    seed_passwords(folder)
    made = {name: value for name, value in environ.items() if name not in _NOT_HANDED_ON}
    address = f"http://{LOOPBACK}:{ports['api']}"
    made |= _QUIET
    made |= _loopback_without_proxy(environ)
    made |= {"FACTORPRISM_HOME": str(home), "AIRFLOW_HOME": str(folder)}
    for name, value in {
        **_core(folder, repository, address),
        **_secrets(folder),
        **_database(database_url),
        **_components(home, address, ports),
    }.items():
        made[f"AIRFLOW__{name}"] = value
    return made


def _core(folder: Path, repository: Path, address: str) -> dict[str, str]:
    return {
        "CORE__DAGS_FOLDER": str(repository / "dags"),
        "CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__DAGBAG_IMPORT_TIMEOUT": str(PARSE_SECONDS),
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{u}:{r}" for u, r in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(folder)),
    }


def _secrets(folder: Path) -> dict[str, str]:
    made = folder / "secrets"
    return {
        "CORE__FERNET_KEY": remembered(
            made / "fernet", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        ),
        "API__SECRET_KEY": remembered(made / "api", lambda: secrets.token_hex(32)),
        "API_AUTH__JWT_SECRET": remembered(made / "jwt", lambda: secrets.token_hex(64)),
    }


def _database(url: str) -> dict[str, str]:
    rest = url.split("://", 1)[1]
    return {
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{rest}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{rest}",
    }


def _components(home: Path, address: str, ports: Mapping[str, int]) -> dict[str, str]:
    logs = home / "logs" / "airflow"
    return {
        "API__HOST": LOOPBACK,
        "API__PORT": str(ports["api"]),
        "API__BASE_URL": address,
        "API__WORKERS": "1",
        "API__EXPOSE_CONFIG": "False",
        "API__INSTANCE_NAME": "factorprism",
        "EXECUTION_API__JWT_EXPIRATION_TIME": str(TASK_TOKEN_SECONDS),
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
        # Two minutes of tries: an api-server that was killed costs no task.
        "WORKERS__EXECUTION_API_RETRIES": "12",
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "15",
        # A task starts within 0.6 s instead of 1.1. At 0.1 the scheduler takes a quarter of a core.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": str(SILENT_SECONDS),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENT_SECONDS),
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(SILENT_SECONDS),
        "DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD": str(SILENT_SECONDS),
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": str(PARSE_SECONDS + 60),
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "LOGGING__BASE_LOG_FOLDER": str(logs),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(ports["worker"]),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["trigger"]),
        "METRICS__LEGACY_NAMES_ON": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _loopback_without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the components' calls to one another out of a configured proxy."""
    held = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    names = [name for name in held.split(",") if name]
    value = ",".join(dict.fromkeys([*names, LOOPBACK, "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}
