"""The use cases, each a few named steps: the same for a DAG's tasks and for the command line."""

from factorprism.pipelines._run import Ports, Run, StepContext, gate_key, open_ports
from factorprism.pipelines._windows import (
    find_bars_start,
    load_recent_images,
    load_window_bars,
)
from factorprism.pipelines.champions import champion_at
from factorprism.pipelines.checking import subject_of
from factorprism.pipelines.daily import GATES, NO_MODEL
from factorprism.pipelines.gauges import measure_replay
from factorprism.pipelines.replay_end import close_after_end
from factorprism.pipelines.runner import (
    PIPELINES,
    raise_deadline_alert,
    raise_step_alert,
    run_pipeline,
    run_step,
)
from factorprism.pipelines.waiting import find_patience

__all__ = [
    "GATES",
    "NO_MODEL",
    "PIPELINES",
    "Ports",
    "Run",
    "StepContext",
    "champion_at",
    "close_after_end",
    "find_bars_start",
    "find_patience",
    "gate_key",
    "load_recent_images",
    "load_window_bars",
    "measure_replay",
    "open_ports",
    "raise_deadline_alert",
    "raise_step_alert",
    "run_pipeline",
    "run_step",
    "subject_of",
]
