"""Ask checks: one after another, or all at once within a patience."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Thread
from time import monotonic

from factorprism.core.calendar import exchange_of
from factorprism.core.errors import FactorPrismError
from factorprism.core.signals import Signal
from factorprism.health.checks import Check, Scope
from factorprism.health.result import CheckResult, Level, of_error
from factorprism.health.subject import Subject

# What has not answered by then is at fault.
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Question:
    """A check with what it is about; `name` is printed."""

    check: Check
    name: str
    subject: Subject

    def ask(self) -> Iterator[CheckResult]:
        """Yield what the check finds; raises what it raises."""
        return self.check.ask(self.name, self.subject)

    def answer(self) -> Iterator[CheckResult]:
        """Yield what the check finds; an error of it is a fault."""
        try:
            yield from self.ask()
        except FactorPrismError as error:
            yield of_error(self.name, error)
        except Exception as error:
            # A check that breaks must not look like one that was never asked.
            sentence = f"{type(error).__name__}: {error}"
            yield CheckResult(self.name, sentence, "See docs/alerts.md.", Level.FAULT)


def list_questions(
    checks: Iterable[Check], subject: Subject, signals: Sequence[Signal]
) -> list[Question]:
    """Return each of `checks` for each thing in its scope that `signals` name, in order."""
    return [
        Question(check, f"{check.name} {about}".strip(), asked)
        for check in checks
        for about, asked in _list_subjects(check.scope, subject, signals).items()
    ]


def _list_subjects(scope: Scope, subject: Subject, signals: Sequence[Signal]) -> dict[str, Subject]:
    if scope is Scope.DEPLOYMENT:
        return {"": subject}
    if scope is Scope.SIGNAL:
        return {signal.name: replace(subject, signal=signal) for signal in signals}
    if scope is Scope.UNIVERSE:
        return {signal.universe.name: replace(subject, signal=signal) for signal in signals}
    symbols = [symbol for signal in signals for symbol in signal.universe.channels]
    exchanges = dict.fromkeys(map(exchange_of, symbols))
    return {exchange: replace(subject, exchange=exchange) for exchange in exchanges}


def ask(questions: Iterable[Question]) -> Iterator[CheckResult]:
    """Yield the results of `questions`, one room after another in their order within it."""
    for asked in _by_room(questions).values():
        yield from _ask_room(asked)


def ask_at_once(
    questions: Sequence[Question], patience_seconds: float = PATIENCE_SECONDS
) -> list[CheckResult]:
    """Ask all rooms at once; return what has answered in time, and who has not."""
    rooms = _by_room(questions)
    found: dict[str, list[CheckResult]] = {room: [] for room in rooms}

    def collect(room: str) -> None:
        for result in _ask_room(rooms[room]):
            found[room].append(result)

    threads = {room: Thread(target=collect, args=(room,), daemon=True) for room in rooms}
    for thread in threads.values():
        thread.start()
    deadline = monotonic() + patience_seconds
    for thread in threads.values():
        thread.join(max(0.0, deadline - monotonic()))
    results = []
    for room, thread in threads.items():
        silent = thread.is_alive()
        results += list(found[room])
        if silent:
            sentence = f"did not answer within {patience_seconds:g} seconds"
            remedy = "See whether its host is reachable."
            results.append(CheckResult(room, sentence, remedy, Level.FAULT))
    return results


def _by_room(questions: Iterable[Question]) -> dict[str, list[Question]]:
    rooms: dict[str, list[Question]] = {}
    for question in questions:
        rooms.setdefault(question.check.room, []).append(question)
    return rooms


def _ask_room(questions: Sequence[Question]) -> Iterator[CheckResult]:
    first, *others = questions
    well = True
    for result in first.answer():
        well = well and result.well
        yield result
    for question in others if well else ():
        yield from question.answer()
