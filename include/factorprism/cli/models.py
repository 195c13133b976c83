"""The bodies of ``factorprism models``: who can forecast, who does, and who is to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from factorprism.cli.context import open_run, open_warehouse
from factorprism.cli.model_tables import (
    print_comparison,
    print_decision,
    print_dossier,
    print_models,
)
from factorprism.cli.tables import write_json
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run
from factorprism.pipelines.promotions import (
    Dossier,
    ModelStatus,
    compare_models,
    list_models,
    promote_model,
    roll_back,
    show_model,
)


def print_list(signal: str, *, as_json: bool) -> None:
    with open_warehouse() as (config, ports):
        chosen = find_signal(config, signal)
        statuses = list_models(Run(date.today(), chosen, config, ports))
    if as_json:
        write_json([_status_values(status) for status in statuses])
    elif statuses:
        print_models(statuses)
    else:
        print(f"There is no model yet. Train one: factorprism train --signal {chosen.name}")


def print_model(model_id: str, signal: str, *, as_json: bool) -> int:
    """Print what is known of `model_id`; 3 when its bundle cannot be used."""
    with open_warehouse() as (config, ports):
        run = Run(date.today(), find_signal(config, signal), config, ports)
        dossier = show_model(run, model_id)
    if as_json:
        write_json(_dossier_values(dossier))
    else:
        print_dossier(dossier)
    return 3 if dossier.refusal else 0


def promote_by_hand(model_id: str, reason: str, session: date | None, signal: str) -> None:
    with open_run(session, signal) as run:
        print_decision(promote_model(run, model_id, reason))


def roll_back_by_hand(model_id: str, reason: str, session: date | None, signal: str) -> None:
    with open_run(session, signal) as run:
        print_decision(roll_back(run, model_id, reason))


def print_contest_of_two(
    first_id: str, second_id: str, session: date | None, signal: str, *, as_json: bool
) -> None:
    with open_run(session, signal) as run:
        paired = compare_models(run, first_id, second_id)
    if as_json:
        write_json({"first_id": first_id, "second_id": second_id, **asdict(paired)})
    else:
        print_comparison(first_id, second_id, paired, run.target)


def _status_values(status: ModelStatus) -> dict[str, Any]:
    record, skill = status.record, status.skill
    return {
        "model_id": record.model_id,
        "mark": status.mark,
        "mode": record.mode,
        "parent_id": record.parent_id,
        "trained_from": record.trained_from,
        "trained_through": record.trained_through,
        "n_samples": record.n_samples,
        "skill": [skill.value, skill.lower, skill.upper] if skill else None,
        "n_sessions": skill.n_sessions if skill else 0,
        "sentence": status.sentence,
    }


def _dossier_values(dossier: Dossier) -> dict[str, Any]:
    status = dossier.status
    return {
        "mark": status.mark,
        "sentence": status.sentence,
        "refusal": dossier.refusal,
        "record": asdict(status.record),
        "evaluations": [asdict(item) for item in dossier.evaluations],
        "decisions": [asdict(item) for item in dossier.decisions],
    }
