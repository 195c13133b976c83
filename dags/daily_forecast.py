"""
### The evening's forecast

One DAG for each signal. It runs once for each trading session of the exchange that its universe
trades on, when the bars are to be had: at 19:15 in Shanghai, two hours after the close elsewhere,
or at the hour that `FACTORPRISM_PUBLISHED_AT_` with the exchange's code sets. It asks the vendor
for the exchange's coming days, waits until it has the bars of all channels, pulls them, proves them
fit for use, computes the factors, encodes the image, lets the champion read it, explains the
forecast, and puts one row into the ledger `prism.forecasts`. A forecast whose image is unlike any
that the champion has learned from is withheld.

**Waiting** holds no worker: between two checks, five minutes apart, `wait_for_bars` is deferred. It
ends at `FACTORPRISM_PATIENCE_UNTIL`, 08:30 of the next morning, and so before the next evening.
Runs of other sessions go on meanwhile: up to three are active, and no step of two runs at once.
What comes late is issued late, and its row says by how much; what is still missing then is named in
the withheld row.

**When a step before `publish` fails**, `withhold` writes a row that says why there is no forecast.
The run stays red. Remove the cause, clear the failed task, and the issued row follows the
withheld one.

**At the end**, whatever became of the run, `watch` checks what no task notices by failing (the
champion's age and skill, drift, revised bars, the calendar, disks), sends again what could not be
delivered, and sends the day's digest. It does not change the colour of the run.

**Which session?** A planned run is for its own session. A run started by hand is for the session
chosen in the form, or else for the last one whose bars were final when it was started. A run may
be repeated at any time: it leaves the same rows.

**Missed sessions** (scheduler down, DAG paused) are made up, up to twenty of them. Older ones are
asked for by hand: `airflow backfill create --dag-id DAG --from-date D --to-date D`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, Param, SyncCallback

from pipeline_steps import (
    DEFAULT_ARGS,
    WatchOperator,
    WithholdOperator,
    arguments_of,
    chain_steps,
    list_before,
)
from prism_assets import BARS, FACTORS, FORECASTS, MODELS
from prism_signals import list_signals
from task_alerts import DeadlineNotifier
from trading_sessions import TradingSessionTimetable
from waiting_steps import WaitOperator

if TYPE_CHECKING:
    from factorprism.core.signals import Signal


def build(signal: Signal) -> DAG:
    """Return the DAG that forecasts `signal`."""
    with DAG(
        signal.daily_dag,
        description=f"{signal.name}: from the day's bars to a forecast, or why there is none",
        doc_md=__doc__,
        schedule=TradingSessionTimetable(signal.exchange, symbol=signal.symbol, make_up=20),
        start_date=datetime(2005, 1, 4, tzinfo=UTC),
        catchup=False,
        # An evening may wait until the next morning; runs of other sessions go on beside it, no
        # step of two at once.
        max_active_runs=3,
        default_args={**DEFAULT_ARGS, "max_active_tis_per_dag": 1},
        tags=["prism", "daily", "forecast", signal.universe.name, signal.target],
        params={
            "session": Param(
                None,
                type=["null", "string"],
                format="date",
                title="Session",
                description="A trading day whose bars are final. Empty: the last one.",
            )
        },
        deadline=DeadlineAlert(
            name="forecast_in_time",
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=2),
            callback=SyncCallback(
                DeadlineNotifier,
                kwargs={
                    "pipeline": "daily",
                    "signal": signal.name,
                    "step": "publish",
                    "message": "no forecast two hours after the run began",
                },
            ),
        ),
    ) as dag:
        tasks = chain_steps(
            "daily",
            signal=signal.name,
            operators={"wait_for_bars": WaitOperator},
            more={
                # A deferred one would count; the pool has one slot.
                "wait_for_bars": {"max_active_tis_per_dag": None},
                "merge_bars": {"outlets": [BARS]},
                "compute_factors": {"inlets": [BARS], "outlets": [FACTORS]},
                "build_image": {"inlets": [FACTORS]},
                "forecast": {"inlets": [FACTORS, MODELS]},
                "explain": {"inlets": [MODELS]},
                "publish": {"outlets": [FORECASTS]},
                "settle": {"inlets": [BARS, FORECASTS]},
            },
        )
        withhold = WithholdOperator(
            **arguments_of("daily", "withhold", signal.name),
            outlets=[FORECASTS],
            steps=[tasks[name] for name in list_before("daily", "publish")],
        )
        watch = WatchOperator(**arguments_of("daily", "watch", signal.name))
        [tasks["report"], withhold] >> watch
    return dag


for issued in list_signals():
    globals()[issued.daily_dag] = build(issued)
