"""
### A decision by hand, on the champion or on a finding

Makes a model champion because a person wants it: `promote` to any model of the
signal, `roll_back` to a former champion. The page *Models* starts it; the name of whoever did
stands in the ledger's reason. `accept` declares a finding of the quality gate to be no fault: the
page *Data* starts it, and the next run lets the bars pass. A model's files are verified first,
which is why a worker does it and not the page: only workers reach the artefact store.

A refusal (the model is champion already, was altered, reads other images, another model became
champion meanwhile) is an answer: the run ends well, and its result says why nothing was written.
Sending the same form twice starts one run; two forms that ask for the same thing leave one row.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from model_decisions import DecideOperator
from pipeline_steps import DEFAULT_ARGS, arguments_of
from prism_assets import MODELS

with DAG(
    "model_decision",
    description="A person makes a model champion, rolls it back, or accepts a finding",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2005, 1, 4, tzinfo=UTC),
    max_active_runs=1,
    # A decision that waits for somebody to unpause the DAG would be taken days later.
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    tags=["prism", "decision"],
    params={
        "action": Param(
            "promote",
            enum=["promote", "roll_back", "accept"],
            title="Action",
            description="Promote any model, go back to a former champion, or accept a finding.",
        ),
        "model_id": Param("", type="string", title="Model", description="Who is the new champion."),
        "champion_id": Param(
            "",
            type="string",
            title="Champion now",
            description="Which model is champion now. Empty: none.",
        ),
        "reason": Param(
            "",
            type="string",
            maxLength=500,
            title="Reason",
            description="One sentence, kept in the ledger for good.",
        ),
        "signal": Param(
            "",
            type="string",
            title="Signal",
            description="Whose champion it is. Empty: the default one.",
        ),
        "finding_id": Param(
            "", type="string", title="Finding", description="What is accepted: its name."
        ),
        "session": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of session",
            description="From which session on it holds. Empty: the last published one.",
        ),
    },
) as dag:
    decide = DecideOperator(**arguments_of("decision", "decide"), outlets=[MODELS])
