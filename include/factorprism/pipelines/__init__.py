"""The use cases, each a few named steps: the same for a DAG's tasks and for the command line."""

from factorprism.pipelines._run import Ports, Refs, Run, open_ports
from factorprism.pipelines.runner import (
    PIPELINES,
    STEPS,
    raise_deadline_alert,
    raise_step_alert,
    run_pipeline,
    run_step,
)

__all__ = [
    "PIPELINES",
    "STEPS",
    "Ports",
    "Refs",
    "Run",
    "open_ports",
    "raise_deadline_alert",
    "raise_step_alert",
    "run_pipeline",
    "run_step",
]
