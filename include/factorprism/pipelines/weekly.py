"""The weekly run: the contest, then a candidate, evaluated against the champion on equal terms."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from factorprism.core.errors import QualityError
from factorprism.core.models import Promotion, TrainingSummary
from factorprism.core.words import count
from factorprism.evaluation import evaluate_candidate, skill_sentence
from factorprism.images import hash_image_set
from factorprism.learning import Candidate
from factorprism.learning import train_candidate as fit_candidate
from factorprism.market.panels import ImageSet
from factorprism.models import load_normaliser
from factorprism.pipelines._image_sets import save_image_set
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.champions import (
    champion_at,
    load_verified,
    lock_champion,
    tell_decision,
    write_decision,
)
from factorprism.pipelines.contest import load_out_of_sample_folds
from factorprism.pipelines.history import (
    align_history,
    load_training_set,
    require_training_history,
    training_settings,
)
from factorprism.pipelines.refreshing import choose_mode
from factorprism.selection import PromotionRule, decide_promotion


def build_dataset(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Align the channels' whole history through the session and keep it under its hash."""
    universe = run.universe
    image_set = align_history(run)
    _require_recent(run, image_set)
    require_training_history(run, image_set)
    content = hash_image_set(image_set)
    store_path = save_image_set(image_set, content, run.config.artefacts_url)
    first: date = image_set.sessions[0].astype(date)
    spec = {"lookback": image_set.lookback, "channels": list(universe.channels)}
    run.ports.warehouse.models.save_image_set(
        content, universe.name, first, run.session, spec, store_path
    )
    run.tell(f"data set: {' x '.join(map(str, image_set.cube.shape))} from {first}")
    return {"image_set_hash": content, "image_set_path": store_path}


def _require_recent(run: Run, image_set: ImageSet) -> None:
    """Refuse data that end long before the session: a model of them would be old at its birth."""
    # Of every channel some factor is held.
    held = np.flatnonzero(np.all(np.any(np.isfinite(image_set.cube), axis=1), axis=1))
    last: date = image_set.sessions[held[-1] if len(held) else 0].astype(date)
    missing = run.calendar.count_since(last, run.session)
    if missing > run.config.training_gap_max_sessions:
        raise QualityError(
            f"the images of {run.universe.name} end at {last}, "
            f"{count(missing, 'session')} before {run.session}: nothing is trained on them",
            remedy="Bring the bars up to date first: see the last runs of "
            f"{run.signal.daily_dag}, or load them: factorprism backfill "
            f"--signal {run.signal.name}.",
        )


def train_candidate(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Train a candidate as of the session, register it, and keep what its folds have shown."""
    training_set, data_hash = load_training_set(run, context)
    mode, champion, why = choose_mode(run, str(context.get("mode") or "auto"), training_set)
    run.tell(f"mode: {mode}, {why}")
    folder = run.config.home / "training" / f"{run.signal.name}-{run.session}-{mode}"
    shutil.rmtree(folder, ignore_errors=True)
    candidate = fit_candidate(
        training_set,
        training_settings(run),
        folder,
        signal=run.signal.name,
        universe=run.universe.name,
        mode=mode,
        initial=run.ports.registry.fetch_bundle(champion) if champion else None,
        data_hash=data_hash,
        progress=run.tell,
        initial_hash=_hash_of(run, champion),
        out_of_sample_folds=load_out_of_sample_folds(run, training_set, context),
    )
    record = candidate.record
    evaluations = evaluate_candidate(candidate, training_set, run.config.seed)
    run.ports.registry.log_training(record, candidate.bundle, evaluations, candidate.history)
    run.ports.warehouse.models.save_model(record)
    run.ports.warehouse.models.save_training(_describe_training(candidate))
    run.ports.warehouse.models.save_evaluations(evaluations)
    shutil.rmtree(folder)
    trained = f"candidate {record.model_id}, trained on {record.spec['device']}"
    run.tell(f"{trained}: {skill_sentence(evaluations, run.target)}")
    return {"candidate_id": record.model_id, "mode": mode}


def compare_candidate(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Evaluate candidate and champion on the same matured sessions that neither was trained on."""
    training_set, _ = load_training_set(run, context)
    champion_id = champion_at(run, run.session)
    record, bundle = load_verified(run, context["candidate_id"])
    held = load_verified(run, champion_id) if champion_id else None
    decision = decide_promotion(
        held[1] if held else None,
        held[0] if held else None,
        bundle,
        record,
        training_set,
        _rule(run),
        seed=run.config.seed,
        failed_checks=[str(leak) for leak in context.get("leaks", ())],
    )
    run.ports.warehouse.models.save_evaluations(decision.evaluations)
    run.tell(decision.reason)
    return {
        "previous_id": champion_id or "",
        "promoted": decision.promoted,
        "reason": decision.reason,
        "numbers": dict(decision.numbers),
    }


def promote(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Write the decision to the promotions ledger and let the registry's aliases follow it.

    Where a person was asked, ``approval`` of `context` has the answer: ``approved``, and ``by``
    whom (empty: nobody answered in time).
    """
    candidate = context["candidate_id"]
    with lock_champion(run):
        previous = champion_at(run, run.session) or ""
        promoted, kind, reason = _decide(context, previous)
        decision = Promotion(
            signal=run.signal.name,
            as_of=run.session,
            candidate_id=candidate,
            champion_id=candidate if promoted else previous,
            previous_id=previous,
            promoted=promoted,
            reason=reason,
            numbers=context["numbers"],
            kind=kind,
        )
        # The ledger may hold this decision from an earlier attempt: then that one stands.
        champion = write_decision(run, decision)
    if (champion or "") != decision.champion_id:
        promoted = False
        reason = f"{champion} is champion by a later decision in the ledger."
    elif promoted:
        tell_decision(run, decision)
    run.tell(f"champion: {champion or 'none'}")
    return {"champion_id": champion or "", "promoted": promoted, "reason": reason}


def _decide(context: Mapping[str, Any], champion: str) -> tuple[bool, str, str]:
    """Return whether the candidate replaces `champion`, the kind of decision, and why."""
    candidate, reason = context["candidate_id"], context["reason"]
    if not context["promoted"]:
        return False, "contest", reason
    if champion not in (context["previous_id"], candidate):
        reason = (
            f"The champion stays: {champion} became champion after the candidate was evaluated."
        )
        return False, "contest", reason
    if "approval" not in context:
        return True, "contest", reason
    approval = context["approval"]
    if approval["approved"]:
        return True, "contest", f"{reason} Approved by {approval['by']}."
    stays = "The champion stays" if champion else "Nobody becomes champion"
    if not approval["by"]:
        return False, "contest", f"{stays}: nobody approved the promotion in time. {reason}"
    return False, "manual", f"{stays}: {approval['by']} rejected the promotion. {reason}"


def report(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Say what the week's contest came to: who lost to the reference comes first."""
    run.tell(context["contest_sentence"])
    # Without a champion, since a leak kept the first candidate from it, the candidate is named.
    model_id = context["champion_id"] or context["candidate_id"]
    evaluations = run.ports.warehouse.models.load_evaluations(model_id)
    sentence = skill_sentence(evaluations, run.target)
    run.tell(sentence)
    run.resolve_alert(run.alert_key("weekly"), "the weekly contest has ended well again")
    return {"skill": sentence}


def _describe_training(candidate: Candidate) -> TrainingSummary:
    """Return what the pages show of a training; how long it took is the run's, not the model's."""
    epochs = tuple(
        {name: value for name, value in epoch.items() if name != "seconds"}
        for epoch in candidate.history
    )
    scale = load_normaliser(candidate.bundle, candidate.record.artefact_hash)
    return TrainingSummary(candidate.record.model_id, epochs, scale.to_dict())


def _hash_of(run: Run, model_id: str | None) -> str:
    return run.ports.warehouse.models.load_model(model_id).artefact_hash if model_id else ""


def _rule(run: Run) -> PromotionRule:
    return PromotionRule(
        margin=run.config.promotion_margin, min_sessions=run.config.promotion_min_sessions
    )
