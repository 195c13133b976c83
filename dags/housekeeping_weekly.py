"""
### The week's housekeeping

It runs the day after the default signal's weekly contest, which in Shanghai and after a full week
is Sunday at 09:00. The warehouse is backed up by pg_dump, and the backup is proved readable. The
ledger's chains are walked, and a row that was altered, removed or inserted raises an alert. What
may go by the policy in the configuration is listed, one line each with its reason, and removed.
Then rows and artefacts are held against one another.

Never removed: the ledger, out-of-sample folds, bars and their revisions, a model that was ever
champion or that a forecast names.

**dry_run**: only list, write and remove nothing.

Airflow's own metadata are not cleaned here, since Airflow keeps its database from the code of
tasks: `factorprism housekeeping` or `airflow db clean` do it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from pipeline_steps import DEFAULT_ARGS, chain_steps
from prism_signals import find_default_signal
from trading_sessions import TradingSessionTimetable

with DAG(
    "housekeeping_weekly",
    description="A verified backup, retention by policy, and the search for orphans",
    doc_md=__doc__,
    schedule=TradingSessionTimetable(
        find_default_signal().exchange, cadence="week", delay=timedelta(hours=37, minutes=45)
    ),
    start_date=datetime(2005, 1, 4, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["prism", "weekly", "housekeeping"],
    params={
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Only list what may go; write and remove nothing.",
        ),
    },
) as dag:
    chain_steps("housekeeping", more={"back_up_warehouse": {"options": ["dry_run"]}})
