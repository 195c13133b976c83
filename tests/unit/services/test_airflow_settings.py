"""The environment of the embedded Airflow."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from factorprism.core.config import load_config
from factorprism.core.errors import ServiceError
from factorprism.core.files import write_atomic
from factorprism.services import EmbeddedAirflow

URL = "postgresql://prism:secret@127.0.0.1:5555/airflow"


def airflow_of(home: Path, **environ: str) -> EmbeddedAirflow:
    write_atomic(home / "airflow" / "ports.json", '{"api": 1111, "worker": 2222, "trigger": 3333}')
    return EmbeddedAirflow(home, URL, environ, home / "repository")


def test_settings_of_ours_come_last_and_the_rest_passes_through(tmp_path: Path) -> None:
    made = airflow_of(
        tmp_path,
        AIRFLOW_HOME="/elsewhere",
        AIRFLOW__CORE__UNIT_TEST_MODE="True",
        AIRFLOW__API__HOST="0.0.0.0",
        AIRFLOW_CONN_TUSHARE_DEFAULT="generic://",
        FACTORPRISM_SEED="7",
        NO_PROXY="example.org",
    ).environment()
    assert made["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert "AIRFLOW__CORE__UNIT_TEST_MODE" not in made
    assert made["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert made["AIRFLOW_CONN_TUSHARE_DEFAULT"] == "generic://"
    assert made["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert load_config(made).seed == 7
    assert load_config(made).home == tmp_path


def test_the_database_is_named_for_both_drivers(tmp_path: Path) -> None:
    made = airflow_of(tmp_path).environment()
    rest = URL.removeprefix("postgresql")
    assert made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"postgresql+psycopg2{rest}"
    assert made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] == f"postgresql+asyncpg{rest}"


def test_all_addresses_follow_the_port(tmp_path: Path) -> None:
    made = airflow_of(tmp_path).environment()
    assert made["AIRFLOW__API__PORT"] == "1111"
    assert made["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:1111"
    assert made["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1111/execution/"
    assert made["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] == "2222"


def test_secrets_are_made_once_and_differ_between_homes(tmp_path: Path) -> None:
    names = ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET")
    first, again, other = (
        [airflow_of(tmp_path / home).environment()[f"AIRFLOW__{name}"] for name in names]
        for home in ("a", "a", "b")
    )
    assert first == again
    assert not set(first) & set(other)
    assert len(first[2]) >= 64


def test_a_password_added_by_hand_stays(tmp_path: Path) -> None:
    airflow = airflow_of(tmp_path)
    file = tmp_path / "airflow" / "passwords.json"
    write_atomic(file, json.dumps({"admin": "chosen"}))
    assert airflow.passwords()["admin"] == "chosen"
    assert set(airflow.passwords()) == {"admin", "viewer"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_neither_the_database_nor_the_environment_shows_in_the_representation(
    tmp_path: Path,
) -> None:
    assert "secret" not in repr(airflow_of(tmp_path, TUSHARE_TOKEN="secret"))


def test_without_a_start_there_is_no_environment(tmp_path: Path) -> None:
    airflow = EmbeddedAirflow(tmp_path, URL, {})
    with pytest.raises(ServiceError, match="no Airflow"):
        airflow.environment()
    airflow.stop()
    assert set(airflow.status().values()) == {"down"}
    assert list(tmp_path.iterdir()) == []


def test_the_repository_is_found_from_the_package(repository_root: Path, tmp_path: Path) -> None:
    assert EmbeddedAirflow(tmp_path, URL, {}).repository == repository_root
