"""Parsing stays light: no process that only parses or schedules may load a scientific library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

HEAVY = [
    "pandas",
    "numpy",
    "keras",
    "tensorflow",
    "great_expectations",
    "tushare",
    "exchange_calendars",
    "mlflow",
    "matplotlib",
    "talib",
    "pyarrow",
    "factorprism.pipelines",
    "factorprism.core.calendar",
]

PARSE = """
import json, sys, time
import airflow.settings
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
started = time.perf_counter()
bag = DagBag({folder!r})
seconds = time.perf_counter() - started
print(json.dumps({{
    "errors": bag.import_errors, "dags": len(bag.dags), "seconds": seconds,
    "added": len(set(sys.modules) - before), "modules": sorted(sys.modules),
}}))
"""


def test_parsing_loads_no_heavy_module(
    run_python: Callable[..., str], repository_root: Path, tmp_path: Path
) -> None:
    output = run_python(PARSE.format(folder=str(repository_root / "dags")), tmp_path)
    parsed = json.loads(output.splitlines()[-1])
    print(
        f"parsed {parsed['dags']} DAGs in {parsed['seconds']:.3f} s; "
        f"{len(parsed['modules'])} modules, of which {parsed['added']} by the DAG files"
    )
    assert parsed["errors"] == {}
    assert parsed["dags"] == 5
    assert [name for name in HEAVY if name in parsed["modules"]] == []


def test_the_plugin_folder_gives_the_timetable_and_nothing_heavy(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    output = run_python(
        "import json, sys\n"
        "from airflow import plugins_manager\n"
        "found = list(plugins_manager.get_timetables_plugins())\n"
        "print(json.dumps([found, plugins_manager.get_import_errors(), sorted(sys.modules)]))\n",
        tmp_path,
    )
    timetables, errors, modules = json.loads(output.splitlines()[-1])
    assert timetables == ["trading_sessions.TradingSessionTimetable"]
    assert errors == {}
    assert [name for name in HEAVY if name in modules] == []
    # Left out of the folder's plugins: only DAG files need them.
    assert {"pipeline_steps", "promotion_approval", "model_decisions"}.isdisjoint(modules)
