"""The order of steps of each use case, and where and for how long each may run.

The one table that the runner, the command line, the DAGs and their tests read. It names the module
of `pipelines` that holds a step's body, so that parsing a DAG file imports none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

# The pool of the one that may ask the vendor at a time, and the pool and queue of a device.
VENDOR, DEVICE = "market_data", "gpu"
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One step: its name is the function in `module` of `pipelines`, and the task's in a DAG.

    `pool` limits how many run at once, empty for no limit of its own; steps of the pool `DEVICE`
    wait in a queue of that name. `limit` is the longest that one try may take.
    """

    name: str
    module: str
    pool: str = ""
    limit: timedelta = QUARTER

    @property
    def queue(self) -> str:
        """The queue of its workers, empty for the usual one."""
        return DEVICE if self.pool == DEVICE else ""


PLAN: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "daily": (
            Step("refresh_calendar", "calendar", VENDOR),
            Step("wait_for_bars", "waiting", VENDOR),
            Step("pull_bars", "bars", VENDOR, HOUR),
            Step("gate_bars", "bars"),
            Step("merge_bars", "bars"),
            Step("compute_factors", "factors"),
            Step("gate_factors", "factors"),
            Step("build_image", "daily"),
            Step("forecast", "daily", DEVICE),
            Step("explain", "explaining", DEVICE),
            Step("publish", "daily"),
            Step("settle", "daily"),
            Step("report", "daily"),
        ),
        "weekly": (
            Step("build_dataset", "weekly", limit=HOUR),
            Step("size_contest", "contest_size", DEVICE, 2 * HOUR),
            Step("plan_contest", "contest", limit=HOUR),
            Step("evaluate_folds", "contest", DEVICE, 6 * HOUR),
            # Bootstraps, on a slow machine too.
            Step("tabulate_contest", "contest", limit=2 * HOUR),
            Step("train_candidate", "weekly", DEVICE, 12 * HOUR),
            Step("compare_candidate", "weekly", DEVICE, 2 * HOUR),
            Step("promote", "weekly"),
            Step("report", "weekly"),
        ),
        "backfill": (
            Step("pull_bars", "bars", VENDOR, 6 * HOUR),
            Step("gate_bars", "bars", limit=HOUR),
            Step("merge_bars", "bars", limit=HOUR),
            Step("compute_factors", "factors", limit=HOUR),
            Step("gate_factors", "factors", limit=HOUR),
            Step("report", "backfill", limit=HOUR),
        ),
        "decision": (Step("decide", "decisions", limit=timedelta(minutes=10)),),
        "housekeeping": (
            Step("back_up_warehouse", "housekeeping", limit=HOUR),
            Step("verify_ledger", "housekeeping", limit=HOUR),
            Step("list_removals", "housekeeping", limit=HOUR),
            Step("remove_expired", "housekeeping", limit=HOUR),
            Step("match_artefacts", "housekeeping", limit=HOUR),
            Step("report", "housekeeping", limit=HOUR),
        ),
    }
)
# Steps that stand beside the order: what is written where one before `publish` fails, and the look
# around at the end, whatever became of the run.
BESIDE: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {"daily": (Step("withhold", "daily"), Step("watch", "watch"))}
)


def find_step(pipeline: str, name: str) -> Step:
    """Return the step `name` of `pipeline`; raises ``ValueError`` where there is none."""
    for step in (*PLAN.get(pipeline, ()), *BESIDE.get(pipeline, ())):
        if step.name == name:
            return step
    known = {planned: [step.name for step in steps] for planned, steps in PLAN.items()}
    raise ValueError(f"step: {pipeline}.{name} does not exist; there are {known}")


def list_before(pipeline: str, name: str) -> list[str]:
    """Return the names of the steps of `pipeline` before its step `name`, in order."""
    names = [step.name for step in PLAN[pipeline]]
    return names[: names.index(name)]
