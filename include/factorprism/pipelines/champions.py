"""The champion at a session by the promotions ledger, and how a decision is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from factorprism.alerts import catalogue
from factorprism.core.errors import ArtefactError
from factorprism.core.models import ModelRecord, Promotion
from factorprism.models import ModelBundle, load_bundle
from factorprism.pipelines._run import Run
from factorprism.selection.promotion import find_champion
from factorprism.targets import target_of


def champion_at(run: Run, session: date) -> str | None:
    """Return the id of the model that was champion at `session`, or None.

    The ledger decides, not the registry's alias: a session before a promotion must not be read
    by the model that was promoted later.
    """
    return find_champion(list_decisions(run), session)


def list_decisions(run: Run) -> list[Promotion]:
    """Return all decisions on the champion of the run's signal, oldest first."""
    return run.ports.warehouse.models.list_promotions(run.signal.name)


def find_challenger(decisions: Sequence[Promotion]) -> str:
    """Return who lost the last decision: the candidate, or the champion that it replaced."""
    if not decisions:
        return ""
    last = decisions[-1]
    loser = last.previous_id if last.promoted else last.candidate_id
    return loser if loser != last.champion_id else ""


def lock_champion(run: Run) -> AbstractContextManager[None]:
    """Keep every other decision on the champion out for the length of the block."""
    return run.ports.warehouse.lock(champion_lock(run.signal.name))


def champion_lock(signal: str) -> str:
    """Return the name of the lock under which a champion changes and its models are removed."""
    return f"champion {signal}"


def write_decision(run: Run, decision: Promotion) -> str | None:
    """Append `decision`, let the registry's aliases follow, and return the champion as of it.

    A decision that is held already is not written again. Call it inside `lock_champion`.
    """
    run.ports.warehouse.models.append_promotion(decision)
    decisions = list_decisions(run)
    aliases = {"champion": decisions[-1].champion_id, "challenger": find_challenger(decisions)}
    for alias, model_id in aliases.items():
        if model_id:
            run.ports.registry.set_alias(decision.signal, alias, model_id)
    return champion_at(run, decision.as_of)


def tell_decision(run: Run, decision: Promotion) -> None:
    """Tell once that the champion has changed; outside `lock_champion`, since it may take long."""
    kind = catalogue.ROLLBACK if decision.kind == "rollback" else catalogue.PROMOTION
    named = f"{decision.as_of} {decision.candidate_id}"
    if decision.number:
        named += f" ({decision.number + 1})"
    champion = decision.previous_id or "nobody"
    sentence = f"{decision.champion_id} follows {champion}: {decision.reason}"
    run.record_event(kind.key(signal=run.signal.name, decision=named), sentence)


def load_verified(run: Run, model_id: str) -> tuple[ModelRecord, ModelBundle]:
    """Return the record and the verified bundle of `model_id`.

    Raises `ArtefactError` when it is missing, altered, or of another signal.
    """
    record = load_record(run, model_id)
    folder = run.ports.registry.fetch_bundle(model_id)
    bundle = load_bundle(folder, record.artefact_hash)
    _require_membership(run, model_id, bundle.spec)
    return record, bundle


def load_record(run: Run, model_id: str) -> ModelRecord:
    """Return the record of `model_id`; raises `ArtefactError` for one of another signal."""
    record = run.ports.warehouse.models.load_model(model_id)
    if record.signal != run.signal.name:
        raise ArtefactError(
            f"model {model_id} forecasts {record.signal}, not {run.signal.name}",
            remedy=f"Name one of these: factorprism models list --signal {run.signal.name}.",
        )
    return record


def _require_membership(run: Run, model_id: str, spec: Mapping[str, Any]) -> None:
    """Raise `ArtefactError` where the files of `model_id` are those of another question."""
    target = spec.get("target", target_of({}).name)  # a bundle of an earlier version names none
    found = (spec.get("universe"), target, spec.get("horizon"))
    wanted = (run.universe.name, run.signal.target, run.signal.horizon)
    if found != wanted:
        raise ArtefactError(
            f"the files of model {model_id} forecast {found[1]} of {found[0]} over {found[2]} "
            f"sessions, and the signal is {run.signal.name}",
            remedy=f"Train one: factorprism train --signal {run.signal.name} --mode retrain.",
        )
