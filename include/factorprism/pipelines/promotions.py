"""The models of a signal, and decisions on the champion by hand: promote, roll back, compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from factorprism.core.errors import ArtefactError, PromotionError
from factorprism.core.models import Evaluation, ModelRecord, Promotion
from factorprism.evaluation import find_skill, skill_sentence
from factorprism.factors import CATALOGUE
from factorprism.pipelines._run import Run
from factorprism.pipelines.champions import (
    champion_at,
    find_challenger,
    list_decisions,
    load_record,
    load_verified,
    lock_champion,
    tell_decision,
    write_decision,
)
from factorprism.pipelines.history import align_history, join_closes
from factorprism.selection import Paired, compare
from factorprism.targets import target_of

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class ModelStatus:
    """A model, what the ledger's last decision made of it, and what its figures come to.

    `mark` is ``champion``, ``challenger`` or empty. `skill` is the figure that skill is read from,
    None where the model was never evaluated.
    """

    record: ModelRecord
    mark: str
    skill: Evaluation | None
    sentence: str


@dataclass(frozen=True)
class Dossier:
    """All that is known of one model; `refusal` says why its bundle cannot be used, or is empty."""

    status: ModelStatus
    evaluations: tuple[Evaluation, ...] = field(repr=False)
    decisions: tuple[Promotion, ...] = field(repr=False)
    refusal: str = ""


def list_models(run: Run) -> list[ModelStatus]:
    """Return all models of the run's signal, the last trained at the end."""
    decisions = list_decisions(run)
    models = run.ports.warehouse.models
    return [
        _stand(record, decisions, models.load_evaluations(record.model_id))
        for record in models.list_models(run.signal.name)
    ]


def show_model(run: Run, model_id: str) -> Dossier:
    """Return what is known of `model_id`, its bundle checked; raises `ArtefactError`."""
    record = load_record(run, model_id)
    evaluations = run.ports.warehouse.models.load_evaluations(model_id)
    decisions = list_decisions(run)
    refusal = ""
    try:
        load_verified(run, model_id)
    except ArtefactError as error:
        refusal = error.message
    return Dossier(
        _stand(record, decisions, evaluations),
        tuple(evaluations),
        tuple(item for item in decisions if _concerns(item, model_id)),
        refusal,
    )


def promote_model(run: Run, model_id: str, reason: str) -> Promotion:
    """Make `model_id` champion as of the run's session, because a person wants it for `reason`.

    Raises `PromotionError` for an empty reason, for the model that is champion already, and
    where `roll_back` raises it for the model. Nothing is written then.
    """
    if not reason.strip():
        raise PromotionError(
            "a promotion by hand needs a reason", remedy="Give it: --reason SENTENCE."
        )
    with lock_champion(run):
        decision = _make_champion(run, list_decisions(run), model_id, "manual", reason.strip())
    tell_decision(run, decision)
    return decision


def roll_back(run: Run, model_id: str = "", reason: str = "") -> Promotion:
    """Make the champion before, or `model_id`, champion again as of the run's session.

    A rollback undoes a promotion: the next one goes back one further, never forward again.

    Raises
    ------
    PromotionError
        If there was no champion before, or `model_id` was never it; if the model is missing, was
        altered, belongs to another signal, reads other images or was trained on later
        sessions; if the ledger has decisions as of later sessions. Nothing is written then.
    """
    with lock_champion(run):
        decisions = list_decisions(run)
        if not model_id:
            model_id = _find_predecessor(run, decisions)
        elif not any(item.champion_id == model_id for item in decisions):
            raise PromotionError(
                f"{model_id} was never champion of {run.signal.name}",
                remedy="Name a former champion, or promote it: factorprism models promote "
                f"{model_id} --signal {run.signal.name}.",
            )
        decision = _make_champion(run, decisions, model_id, "rollback", reason.strip())
    tell_decision(run, decision)
    return decision


def compare_models(run: Run, first_id: str, second_id: str) -> Paired:
    """Hold `second_id` against `first_id` on the matured sessions that neither has read.

    Decides and writes nothing. Raises `PromotionError` when there is no such session or they read
    different images, `ArtefactError` for a model that cannot be used.
    """
    first, second = load_verified(run, first_id), load_verified(run, second_id)
    training_set, _ = join_closes(run, align_history(run))
    pair = (first[1], first[0]), (second[1], second[0])
    return compare(*pair, training_set, seed=run.config.seed)


def list_champions(decisions: Sequence[Promotion]) -> list[str]:
    """Return the champions so far, the present one last, without those that were rolled back."""
    champions: list[str] = []
    for item in decisions:
        if not item.champion_id or champions[-1:] == [item.champion_id]:
            continue
        if item.kind == "rollback" and item.champion_id in champions:
            del champions[champions.index(item.champion_id) + 1 :]
        else:
            champions.append(item.champion_id)
    return champions


def _find_predecessor(run: Run, decisions: Sequence[Promotion]) -> str:
    champions = list_champions(decisions)
    if not champions:
        raise PromotionError(
            f"no model is champion of {run.signal.name}",
            remedy=f"Train a model: factorprism train --signal {run.signal.name}.",
        )
    if len(champions) == 1:
        raise PromotionError(
            f"{champions[0]} was the first champion of {run.signal.name}: there is nobody "
            "to go back to",
            remedy=f"Promote another: factorprism models promote MODEL --signal {run.signal.name}.",
        )
    return champions[-2]


def _make_champion(
    run: Run, decisions: Sequence[Promotion], model_id: str, kind: str, reason: str
) -> Promotion:
    """Check that `model_id` can forecast from the run's session on, then write the one row."""
    last = decisions[-1].as_of if decisions else run.session
    if run.session < last:
        raise PromotionError(
            f"the ledger has a decision as of {last}, which one as of {run.session} cannot undo",
            remedy=f"Decide as of {last} or later.",
        )
    champion = champion_at(run, run.session) or ""
    if model_id == champion:
        raise PromotionError(f"{model_id} is champion already")
    _require_fit(run, model_id)
    decision = Promotion(
        signal=run.signal.name,
        as_of=run.session,
        candidate_id=model_id,
        champion_id=model_id,
        previous_id=champion,
        promoted=True,
        reason=f"By hand: {reason}" if reason else f"By hand: back from {champion} to {model_id}.",
        kind=kind,
        number=sum(
            (item.as_of, item.candidate_id) == (run.session, model_id) for item in decisions
        ),
    )
    write_decision(run, decision)
    return decision


def _require_fit(run: Run, model_id: str) -> None:
    """Raise `PromotionError` when `model_id` could not forecast the run's session."""
    try:
        record = load_record(run, model_id)
        _require_images(run, record)
        load_verified(run, model_id)
    except ArtefactError as error:
        raise PromotionError(
            f"{model_id} cannot become champion: {error.message}", remedy=error.remedy
        ) from error


def _require_images(run: Run, record: ModelRecord) -> None:
    if record.trained_through > run.session:
        raise PromotionError(
            f"{record.model_id} was trained on data through {record.trained_through}, after "
            f"session {run.session}",
            remedy=f"Decide as of {record.trained_through} or later.",
        )
    factors = tuple(factor.name for factor in CATALOGUE)
    read = (record.lookback, record.channels, record.factors)
    if read != (run.signal.lookback, run.universe.channels, factors):
        raise PromotionError(
            f"{record.model_id} reads other images than {run.signal.name} has now: "
            "another lookback, other channels or other factors",
            remedy=f"Train a model for them: factorprism train --signal {run.signal.name}.",
        )


def _stand(
    record: ModelRecord, decisions: Sequence[Promotion], evaluations: Sequence[Evaluation]
) -> ModelStatus:
    target = target_of(record.spec)
    marks = {find_challenger(decisions): CHALLENGER}
    if decisions:
        marks[decisions[-1].champion_id] = CHAMPION
    mark = marks.get(record.model_id, "")
    skill, sentence = find_skill(evaluations, target), skill_sentence(evaluations, target)
    return ModelStatus(record, mark, skill, sentence)


def _concerns(decision: Promotion, model_id: str) -> bool:
    """Tell whether `decision` was on `model_id`: as its candidate or as a champion."""
    return model_id in (decision.candidate_id, decision.previous_id, decision.champion_id)
