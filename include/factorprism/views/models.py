"""Who forecasts, since when and why, who else could, and what the weekly contest came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from factorprism.core.contest import ContestReport
from factorprism.core.models import DatedDecision, Evaluation, KeptModel, TrainingSummary
from factorprism.evaluation.skill import INDEPENDENT
from factorprism.pipelines.champions import find_challenger
from factorprism.pipelines.promotions import CHALLENGER, CHAMPION, list_champions
from factorprism.reports import (
    ContestSection,
    describe_scope,
    is_tabulated,
    tabulate_report,
)
from factorprism.targets import Target
from factorprism.views._lines import NotHeld
from factorprism.views.today import Skill, read_skill
from factorprism.warehouse import PostgresWarehouse

SHOWN_MODELS = 20
SHOWN_DECISIONS = 30


@dataclass(frozen=True)
class ModelRow:
    """One model; `mark` is ``champion``, ``challenger`` or empty.

    `was_champion` tells whether it is champion or was champion before.
    """

    model: KeptModel
    target: Target
    mark: str
    was_champion: bool

    @property
    def skill(self) -> Skill:
        return read_skill(self.model.evaluations, self.target)

    @property
    def model_id(self) -> str:
        return self.model.record.model_id


@dataclass(frozen=True)
class EvaluationGroup:
    """The figures of one evaluation, by metric; `windows` are those that do not overlap."""

    kind: str
    first: date
    last: date
    n_sessions: int
    windows: int | None
    figures: tuple[Evaluation, ...] = field(repr=False)


@dataclass(frozen=True)
class Gain:
    """An entrant's gain on the reference, in units of the loss, adjusted for multiple testing."""

    name: str
    value: float
    lower: float
    upper: float
    may_be_best: bool
    skilled: bool


@dataclass(frozen=True)
class ContestResult:
    """The newest contest; `leaks` are sentences that forbid a promotion."""

    report: ContestReport
    scope: str
    leaks: tuple[str, ...]
    gains: tuple[Gain, ...]
    sections: tuple[ContestSection, ...] = field(repr=False)


@dataclass(frozen=True)
class ChosenModel:
    """One model in full; `training` is None for one trained before curves were kept."""

    row: ModelRow
    training: TrainingSummary | None = field(repr=False)
    evaluated: tuple[EvaluationGroup, ...] = field(repr=False)
    decisions: tuple[DatedDecision, ...] = field(repr=False)


@dataclass(frozen=True)
class ModelsPage:
    """All of the page **Models** for one signal.

    `reign` is the decision that made the present champion; `predecessor` whom a rollback would go
    back to, or empty. `decisions` come newest first, `rows` the last trained
    first, and only `SHOWN_DECISIONS` and `SHOWN_MODELS` of them unless all were asked for.
    """

    signal: str
    target: Target
    champion: ModelRow | None
    challenger: ModelRow | None
    reign: DatedDecision | None
    predecessor: str
    rows: tuple[ModelRow, ...]
    n_models: int
    n_decisions: int
    chosen: ChosenModel | None
    contest: ContestResult | None
    decisions: tuple[DatedDecision, ...] = field(repr=False)


def read_models(
    warehouse: PostgresWarehouse,
    signal: str,
    target: Target,
    *,
    model_id: str = "",
    every: bool = False,
) -> ModelsPage:
    """Return the page; `model_id` is shown in full, by default the champion.

    Raises `NotHeld` for a model that is not of `signal`.
    """
    metrics = (target.decisive, INDEPENDENT)
    kept = warehouse.models.list_kept_models(signal, metrics)
    decisions = warehouse.models.list_dated_decisions(signal)
    rows = _list_rows(kept, decisions, target)
    champion = _find(rows, CHAMPION)
    chosen = rows.get(model_id) if model_id else champion or next(iter(rows.values()), None)
    if model_id and chosen is None:
        raise NotHeld(
            f"{model_id} is no model of {signal}",
            remedy="Choose one of the list.",
        )
    report = warehouse.contests.load_report(signal)
    champions = list_champions([item.promotion for item in decisions])
    shown = [row for index, row in enumerate(rows.values()) if every or _is_shown(index, row)]
    return ModelsPage(
        signal=signal,
        target=target,
        champion=champion,
        challenger=_find(rows, CHALLENGER),
        reign=find_reign(decisions),
        predecessor=champions[-2] if len(champions) > 1 and champion else "",
        rows=tuple(shown),
        n_models=len(rows),
        chosen=_read_chosen(warehouse, chosen, decisions) if chosen else None,
        contest=_read_contest(report) if report else None,
        n_decisions=len(decisions),
        decisions=tuple(reversed(decisions))[: None if every else SHOWN_DECISIONS],
    )


def list_figures(target: Target) -> Mapping[str, tuple[str, str]]:
    """Return how each figure is called and written, by its metric, in the contest's order."""
    columns = (column for section in target.sections for column in section.columns)
    return {
        **{metric: (name, form) for metric, name, form in columns},
        target.gain: (f"{target.words.loss} gain", "+.4f"),
    }


def find_reign(decisions: Sequence[DatedDecision]) -> DatedDecision | None:
    """Return the decision, of those oldest first, since which the present champion is in force."""
    reign = None
    for item in decisions:
        if item.promotion.champion_id and (
            reign is None or reign.promotion.champion_id != item.promotion.champion_id
        ):
            reign = item
    return reign


def _list_rows(
    kept: Sequence[KeptModel], decisions: Sequence[DatedDecision], target: Target
) -> Mapping[str, ModelRow]:
    promotions = [item.promotion for item in decisions]
    marks = {find_challenger(promotions): CHALLENGER}
    if promotions:
        marks[promotions[-1].champion_id] = CHAMPION
    held = {item.champion_id for item in promotions}
    return {
        model.record.model_id: ModelRow(
            model=model,
            target=target,
            mark=marks.get(model.record.model_id, ""),
            was_champion=model.record.model_id in held,
        )
        for model in kept
    }


def _find(rows: Mapping[str, ModelRow], mark: str) -> ModelRow | None:
    return next((row for row in rows.values() if row.mark == mark), None)


def _is_shown(index: int, row: ModelRow) -> bool:
    return index < SHOWN_MODELS or bool(row.mark)


def _read_chosen(
    warehouse: PostgresWarehouse, row: ModelRow, decisions: Sequence[DatedDecision]
) -> ChosenModel:
    model_id = row.model_id
    concerned = [
        item
        for item in reversed(decisions)
        if model_id
        in (item.promotion.candidate_id, item.promotion.champion_id, item.promotion.previous_id)
    ]
    return ChosenModel(
        row=row,
        training=warehouse.models.load_training(model_id) if row.model.has_training else None,
        evaluated=tuple(_group(warehouse.models.load_evaluations(model_id), row.target)),
        decisions=tuple(concerned),
    )


def _group(evaluations: Sequence[Evaluation], target: Target) -> Iterator[EvaluationGroup]:
    """Yield the evaluations: walk-forward before contest, and of each kind the latest first."""
    order = {metric: index for index, metric in enumerate(list_figures(target))}
    spans = groupby(evaluations, lambda item: (item.kind, item.first, item.last))
    grouped = [(index, tuple(group)) for index, group in spans]
    for (kind, first, last), figures in sorted(
        grouped, key=lambda item: (item[0][0], item[0][2]), reverse=True
    ):
        windows = [round(item.value) for item in figures if item.metric == INDEPENDENT]
        shown = sorted(
            (item for item in figures if item.metric != INDEPENDENT),
            key=lambda item: (order.get(item.metric, len(order)), item.metric),
        )
        n_sessions = figures[0].n_sessions
        yield EvaluationGroup(
            kind, first, last, n_sessions, windows[0] if windows else None, tuple(shown)
        )


def _read_contest(report: ContestReport) -> ContestResult:
    content: Any = report.content
    if not is_tabulated(report):
        return ContestResult(report, "", (), (), ())  # the sentence alone was kept
    return ContestResult(
        report=report,
        scope=describe_scope(report),
        leaks=tuple(content["leaks"]),
        gains=tuple(
            Gain(
                name=gain["name"],
                value=float(gain["value"]),
                lower=float(gain["lower"]),
                upper=float(gain["upper"]),
                may_be_best=gain["in_confidence_set"],
                skilled=gain["superior"] and float(gain["lower"]) > 0.0,
            )
            for gain in content["trials"]["gains"]
        ),
        sections=tabulate_report(report),
    )
