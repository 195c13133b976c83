"""Checks of a signal's champion: that there is one, its files, age, skill and drift."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from factorprism.alerts import catalogue
from factorprism.core.models import ModelRecord, Promotion
from factorprism.evaluation.drift import RECENT_SESSIONS, measure_drift
from factorprism.evaluation.matured import find_estimate, hold_out_issued, measure_matured_loss
from factorprism.health.result import CheckResult, Level
from factorprism.health.subject import Subject
from factorprism.targets import find_target


def check_champion(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Ask the ledger who is the champion at the session, and since when."""
    champion = subject.find_champion()
    if champion is None:
        remedy = f"Train one: factorprism train --signal {subject.signal.name}."
        yield CheckResult(name, "there is none", remedy, Level.FAULT)
        return
    decisions = subject.ports.warehouse.models.list_promotions(subject.signal.name)
    yield CheckResult(name, f"{champion} since {_champion_since(decisions, champion, subject)}")


def _champion_since(decisions: list[Promotion], champion: str, subject: Subject) -> date:
    """Return the session of the decision that made `champion` follow another one, or nobody."""
    since, before = subject.session, ""
    for decision in decisions:
        if decision.as_of <= subject.session and decision.champion_id:
            if decision.champion_id == champion != before:
                since = decision.as_of
            before = decision.champion_id
    return since


def check_files(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Hold the champion's files against their hashes, and the registry's alias against the ledger.

    Says nothing where there is no champion: `check_champion` does. Raises `ArtefactError`.
    """
    champion, signal = subject.find_champion(), subject.signal
    if champion is None:
        return
    subject.verify_model(signal, champion)
    alias = subject.ports.registry.get_alias(signal.name, "champion")
    if alias == champion:
        yield CheckResult(name, f"{champion}, its files match their hashes")
    else:
        sentence = f"the ledger says {champion}, the registry's alias {alias}"
        remedy = "The ledger is in force; the next weekly run sets the alias again."
        yield CheckResult(name, sentence, remedy, Level.FAULT)


def check_age(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Count the sessions since the last that the champion has learned from."""
    if record := _load_champion(subject):
        calendar = subject.config.calendar_of(subject.signal.symbol)
        age = calendar.count_since(record.trained_through, subject.session)
        limit = subject.config.champion_max_age_sessions
        sentence = f"{record.model_id} has learned nothing for {age} sessions, the limit is {limit}"
        yield _evaluate(name, catalogue.CHAMPION, subject, sentence, fault=age > limit)


def check_skill(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Hold the champion's matured forecasts against the reference, with their interval."""
    record = _load_champion(subject)
    if record is None:
        return
    warehouse, target = subject.ports.warehouse, find_target(subject.signal.target)
    days = subject.config.calendar_of(subject.signal.symbol).session_days
    outcomes = warehouse.forecasts.load_outcomes(record.signal, record.target)
    loss = measure_matured_loss(
        hold_out_issued(outcomes, record.model_id, subject.session, days, target),
        find_estimate(warehouse.models.load_evaluations(record.model_id), target),
        target,
        horizon=record.horizon,
        seed=subject.config.seed,
    )
    sentence = f"{record.model_id}: {loss.sentence}"
    yield _evaluate(name, catalogue.SKILL, subject, sentence, fault=loss.gain.upper < 0.0)


def check_drift(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Hold the factors of late against those that the champion was trained on."""
    record = _load_champion(subject)
    calendar = subject.config.calendar_of(subject.signal.symbol)
    if record is None or calendar.is_expected(subject.session):
        return  # of a session that is only expected there are no factors
    last = record.last_training_session
    if len(calendar.sessions(last, subject.session)) <= RECENT_SESSIONS // 2:
        return  # what is recent would be what it was trained on
    images = subject.load_images(subject.signal, subject.session)
    drift = measure_drift(images, record.trained_from, last)
    yield _evaluate(name, catalogue.DRIFT, subject, drift.sentence, fault=bool(drift.drifted))


def _load_champion(subject: Subject) -> ModelRecord | None:
    champion = subject.find_champion()
    return subject.ports.warehouse.models.load_model(champion) if champion else None


def _evaluate(
    name: str, kind: catalogue.AlertKind, subject: Subject, sentence: str, *, fault: bool
) -> CheckResult:
    remedy = "Look at the page Models." if fault else ""
    level = Level.FAULT if fault else Level.WELL
    return CheckResult(name, sentence, remedy, level, kind.key(signal=subject.signal.name))
