"""
### A range of history, by parameter

Loads the bars of a range of sessions, proves them fit for use, and computes their factors: to
begin with a new vendor or a new symbol, or to see what the vendor has revised. It makes no
forecast. Interrupted, it goes on where it was: pulls that were kept are not asked for again.

For forecasts of past sessions use `airflow backfill create --dag-id daily-SIGNAL` after it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from pipeline_steps import DEFAULT_ARGS, chain_steps
from prism_assets import BARS, FACTORS

with DAG(
    "history_backfill",
    description="Bars and factors of a range of sessions",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2005, 1, 4, tzinfo=UTC),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
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
            items={"type": "string", "pattern": r"^[\^A-Z0-9][A-Z0-9.&=_\-]{0,39}$"},
            title="Symbols",
            description="One code a line, as 000300.SH or 0700.HK. Empty: all of the universe.",
        ),
    },
) as dag:
    chain_steps(
        "backfill",
        more={
            "pull_bars": {"options": ["first", "last", "symbols"]},
            "merge_bars": {"outlets": [BARS]},
            "compute_factors": {"inlets": [BARS], "outlets": [FACTORS]},
        },
    )
