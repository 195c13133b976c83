"""
### The weekly contest

One DAG for each signal. It runs 13:45 hours after the bars of each week's last trading session are
to be had, which in Shanghai and after a full week is Saturday at 09:00. Networks and plain
baselines learn from the same folds and are evaluated on the same sessions. Then a candidate is
trained, evaluated against the champion on the same matured sessions that neither was trained on,
and promoted only when it is better by the rule in the configuration. The decision, its numbers and
a sentence of reason go to `prism.promotions`, the contest's tables to `prism.contests`. The first
line of `report`'s log says who lost to the reference and whether anybody has shown skill.

Each network or baseline on one fold is a task of its own: what was evaluated stands in
`prism.fold_forecasts`, so that a run which is cut off goes on where it was, and a week later only
the newest fold is open.

**contest** `night`: as much of the full contest as fits `FACTORPRISM_CONTEST_HOURS` on the machine
that trains. `size_contest` measures it by the folds evaluated of late or by a few batches, says the
expected time and what is left out; what was evaluated in earlier weeks costs nothing, so that the
contest grows from week to week. `full`: all networks, with placebos (labels shuffled, labels
shifted). `quick`: the configured network and the baselines on the fewest folds that give an
interval, without placebos.

**mode** `auto` retrains where the champion is too old or reads other images, its factors have
drifted or its matured loss has worsened, and fine-tunes it otherwise; `fine_tune` starts from the
champion's weights; `retrain` starts from scratch. The first run of all always retrains.

**approval**: before a promotion the run waits up to three days for a person, who finds the reason
and the numbers under *Required Actions*. Off, `ask_approval` is skipped; with
`FACTORPRISM_PROMOTION_APPROVAL=true` every run asks.

Training runs in a worker of the queue and pool `gpu`, never in the scheduler. A week without a
session has no run; weeks that were missed are not made up, since a model trained today has seen
their data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param

from pipeline_steps import DEFAULT_ARGS, StepOperator, arguments_of
from prism_assets import BARS, FACTORS, MODELS
from prism_signals import list_signals
from promotion_approval import AskApprovalOperator, PromoteOperator
from trading_sessions import TradingSessionTimetable

if TYPE_CHECKING:
    from factorprism.core.signals import Signal


def build(signal: Signal) -> DAG:
    """Return the DAG that trains for `signal`."""
    with DAG(
        signal.weekly_dag,
        description=f"{signal.name}: a candidate model against the champion",
        doc_md=__doc__,
        schedule=TradingSessionTimetable(
            signal.exchange,
            symbol=signal.symbol,
            cadence="week",
            delay=timedelta(hours=13, minutes=45),
        ),
        start_date=datetime(2005, 1, 4, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["prism", "weekly", "training", signal.universe.name, signal.target],
        params={
            "mode": Param(
                "auto",
                enum=["auto", "fine_tune", "retrain"],
                title="Mode",
                description="How the candidate is trained.",
            ),
            "contest": Param(
                "night",
                enum=["night", "full", "quick"],
                title="Contest",
                description="Who takes part: as many as fit a night here, all, or the fewest.",
            ),
            "approval": Param(
                False,
                type="boolean",
                title="Approval",
                description="Ask a person before a promotion; no answer within three days is a no.",
            ),
            "session": Param(
                None,
                type=["null", "string"],
                format="date",
                title="As of session",
                description="The last one that training may read. Empty: the last published one.",
            ),
        },
    ) as dag:
        arguments = partial(arguments_of, "weekly", signal=signal.name)

        build_dataset = StepOperator(
            **arguments("build_dataset"), options=["mode", "contest"], inlets=[BARS, FACTORS]
        )
        size_contest = StepOperator(**arguments("size_contest"), step_context=build_dataset.output)
        plan_contest = StepOperator(
            **arguments("plan_contest"), step_context=size_contest.output, hands_on="folds"
        )
        evaluate_folds = StepOperator.partial(
            **arguments("evaluate_folds"),
            step_context=size_contest.output,
            map_index_template="{{ task.fold['entrant'] }}, fold {{ task.fold['number'] }}",
        ).expand(fold=plan_contest.output)
        tabulate_contest = StepOperator(
            **arguments("tabulate_contest"),
            step_context=size_contest.output,
            # No fold is open when all were evaluated before: then there was nothing to map.
            trigger_rule="none_failed",
        )
        evaluate_folds >> tabulate_contest
        train_candidate = StepOperator(
            **arguments("train_candidate"),
            step_context=tabulate_contest.output,
            retries=1,  # what is lost is hours, and the network's faults were retried before it
        )
        compare_candidate = StepOperator(
            **arguments("compare_candidate"), step_context=train_candidate.output
        )
        ask_approval = AskApprovalOperator(
            task_id="ask_approval",
            pipeline="weekly",
            signal=signal.name,
            step_context=compare_candidate.output,
            response_timeout=timedelta(days=3),
        )
        promote = PromoteOperator(
            **arguments("promote"),
            step_context=compare_candidate.output,
            approval=ask_approval.output,
            outlets=[MODELS],
        )
        StepOperator(**arguments("report"), step_context=promote.output)
    return dag


for issued in list_signals():
    globals()[issued.weekly_dag] = build(issued)
