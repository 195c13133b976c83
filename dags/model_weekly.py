"""
### The weekly contest

The morning after the last trading session of each week (Saturday 09:00 Asia/Shanghai in a full
week): train a candidate, judge it against the champion on the same matured sessions that neither
was trained on, and promote it only when it is better by the rule in the configuration. The
decision, its numbers and a sentence of reason go to `prism.promotions`.

**mode** `auto` fine-tunes a champion that is young enough and retrains otherwise; `fine_tune`
starts from the champion's weights; `retrain` starts from scratch. The first run of all always
retrains.

Training runs in a worker of the queue and pool `gpu`, never in the scheduler. A week without a
session has no run; weeks that were missed are not made up, since a model trained today has seen
their data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from airflow.sdk import DAG, Param

from pipeline_steps import DEFAULT_ARGS, GPU, StepOperator
from prism_assets import BARS, FACTORS, MODELS
from trading_sessions import TradingSessionTimetable

with DAG(
    "model_weekly",
    description="A candidate model against the champion, on sessions that neither has seen",
    doc_md=__doc__,
    schedule=TradingSessionTimetable("XSHG", cadence="week", delay=timedelta(hours=14, minutes=30)),
    start_date=datetime(2005, 1, 4, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["prism", "weekly", "training"],
    params={
        "mode": Param(
            "auto",
            enum=["auto", "fine_tune", "retrain"],
            title="Mode",
            description="How the candidate is trained.",
        ),
        "session": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of session",
            description="The last session that training may read. Empty: the last published one.",
        ),
    },
) as dag:
    step = partial(StepOperator, pipeline="weekly")

    build_dataset = step(task_id="build_dataset", options=["mode"], inlets=[BARS, FACTORS])
    train_candidate = step(
        task_id="train_candidate",
        refs=build_dataset.output,
        execution_timeout=timedelta(hours=12),
        retries=1,  # what is lost is hours, and the network's faults were retried before it
        **GPU,
    )
    judge_candidate = step(
        task_id="judge_candidate",
        refs=train_candidate.output,
        execution_timeout=timedelta(hours=1),
        **GPU,
    )
    promote = step(task_id="promote", refs=judge_candidate.output, outlets=[MODELS])
    report = step(task_id="report", refs=promote.output)
