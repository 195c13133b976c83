"""The registry on the server that the embedded services run, opened by two processes at once."""

from __future__ import annotations

import subprocess
import sys

from factorprism.registry import MlflowRegistry

OPEN = """
import sys
from pathlib import Path
from factorprism.registry import MlflowRegistry
registry = MlflowRegistry(sys.argv[1], Path(sys.argv[2]).as_uri(), Path(sys.argv[2]) / "bundles")
print(registry.get_alias("hs300-direction-14", "champion"))
"""


def test_two_processes_may_open_an_empty_database_at_once_and_a_third_uses_it(
    warehouse_url, train, tmp_path
):
    command = [sys.executable, "-c", OPEN, warehouse_url, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in started]
    # Nothing but the answer: MLflow's own lines would stand among a command's output.
    assert answers == [("None\n", "")] * 2
    assert [process.returncode for process in started] == [0, 0]

    trained = train()
    registry = MlflowRegistry(warehouse_url, tmp_path.as_uri(), tmp_path / "bundles")
    registry.log_training(trained.record, trained.bundle, trained.evaluations, trained.history)
    registry.set_alias("hs300-direction-14", "champion", trained.record.model_id)
    assert registry.get_alias("hs300-direction-14", "champion") == trained.record.model_id
    fetched = registry.fetch_bundle(trained.record.model_id)
    assert (fetched / "model.keras").read_bytes() == b"weights"
