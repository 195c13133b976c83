"""Runs that are followed through the interface: each task is reported once, however many there
are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from default_signal import WEEKLY
from factorprism.services._airflow_api import AirflowApi
from factorprism.services.dag_runs import DagRuns

LARGEST_PAGE = 100
N_FOLDS = 120


def task(task_id: str, map_index: int) -> dict[str, Any]:
    ended = {"state": "success", "end_date": f"2026-01-05T12:00:{map_index % 60:02d}Z"}
    return {"task_id": task_id, "map_index": map_index, "try_number": 1, "duration": 1.0, **ended}


class Airflow(BaseHTTPRequestHandler):
    """A run that has succeeded, of one task and of as many as there are folds."""

    tasks = (
        task("build_dataset", -1),
        *(task("evaluate_folds", place) for place in range(N_FOLDS)),
    )

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        page = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
        first = page.get("offset", 0)
        last = first + min(page.get("limit", 50), LARGEST_PAGE)
        tasks = {"task_instances": self.tasks[first:last]}
        self.send_response(200)
        self.end_headers()
        done = {"state": "success"}
        answer = tasks if asked.path.endswith("taskInstances") else done
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def runs() -> Iterator[DagRuns]:
    with HTTPServer(("127.0.0.1", 0), Airflow) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield DagRuns(AirflowApi(f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
        thread.join()


def test_each_task_of_a_run_is_reported_once_the_mapped_ones_too(runs: DagRuns) -> None:
    reported: list[str] = []
    state = runs.wait_for_run(WEEKLY, "by-hand", on_task=lambda name, *_: reported.append(name))
    assert state == "success"
    assert (reported.count("build_dataset"), reported.count("evaluate_folds")) == (1, N_FOLDS)
