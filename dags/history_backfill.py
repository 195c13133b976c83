"""
### A range of history, by parameter

Loads the bars of a range of sessions, proves them fit for use, and computes their factors: to
begin with a new vendor or a new symbol, or to see what the vendor has revised. It makes no
forecast. Interrupted, it goes on where it was: pulls that were kept are not asked for again.

For forecasts of past sessions use `airflow backfill create --dag-id daily-hs300-direction-14` after
it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from airflow.sdk import DAG, Param

from pipeline_steps import DEFAULT_ARGS, MARKET_DATA, StepOperator
from prism_assets import BARS, FACTORS

with DAG(
    "history_backfill",
    description="Bars and factors of a range of sessions",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2005, 1, 4, tzinfo=UTC),
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "execution_timeout": timedelta(hours=1)},
    tags=["prism", "backfill"],
    params={
        "first": Param(
            "2005-01-04",
            type="string",
            format="date",
            title="First session",
            description="Symbols that began later start with their own first session.",
        ),
        "last": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last session",
            description="Empty: the last one whose bars are final.",
        ),
        "signal": Param(
            "",
            type="string",
            title="Signal",
            description="Whose universe is loaded. Empty: the default one.",
        ),
        "symbols": Param(
            [],
            type="array",
            items={"type": "string", "pattern": r"^([0-9]{6}\.(SH|SZ)|\^[A-Z]{1,8})$"},
            title="Symbols",
            description="One code a line, such as 000300.SH. Empty: all of the universe.",
        ),
    },
) as dag:
    step = partial(StepOperator, pipeline="backfill")

    pull_bars = step(
        task_id="pull_bars",
        options=["first", "last", "symbols"],
        execution_timeout=timedelta(hours=6),
        **MARKET_DATA,
    )
    gate_bars = step(task_id="gate_bars", refs=pull_bars.output)
    merge_bars = step(task_id="merge_bars", refs=gate_bars.output, outlets=[BARS])
    compute_factors = step(
        task_id="compute_factors", refs=merge_bars.output, inlets=[BARS], outlets=[FACTORS]
    )
    gate_factors = step(task_id="gate_factors", refs=compute_factors.output)
    report = step(task_id="report", refs=gate_factors.output)
