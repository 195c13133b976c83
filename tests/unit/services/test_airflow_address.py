"""Where Airflow is asked for its health: inside a container not at the address meant for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.core.config import Config
from factorprism.services import EXECUTION_API_URL, airflow_address

PUBLIC = "https://prism.example.com/"


def test_in_a_container_the_api_server_is_asked_where_tasks_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EXECUTION_API_URL, "http://api-server:8080/execution/")
    assert airflow_address(Config(home=tmp_path, ui_url=PUBLIC)) == "http://api-server:8080"


def test_elsewhere_the_address_of_the_pages_is_asked_or_none_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EXECUTION_API_URL, raising=False)
    assert airflow_address(Config(home=tmp_path, ui_url=PUBLIC)) == PUBLIC.rstrip("/")
    assert airflow_address(Config(home=tmp_path)) == ""
