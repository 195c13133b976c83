"""Checks many subjects by one suite: asked once for all, and answered subject by subject.

What is checked stands in two frames: one of rows, a session of a subject each, and one of what is
measured once a subject. Great Expectations is asked once of each and names the rows at fault; whose
they are, how many of them are tolerated and what is said of them follows here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.market.findings import QualityResult
from factorprism.quality._asking import Answer, ask
from factorprism.quality._rules import Rule
from factorprism.quality._segments import IntArray

# Rows that a result names; the counts always cover all of them.
EXAMPLES_KEPT = 20
EXAMPLES_REPORTED = 3


@dataclass(frozen=True)
class GateSubject:
    """What is checked: one symbol's data for [`first`, `last`], by `rules`.

    `note` is added to each sentence. `absent` are columns that it lacks: no rule on them holds.
    """

    symbol: str
    first: date
    last: date
    rules: tuple[Rule, ...] = field(repr=False)
    note: str = ""
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Suite:
    """A suite with all that it is asked of.

    `rows` have a column ``subject``, the index of a subject among `subjects`, ascending, and a
    column ``session``, by which failing rows are named. `wholes` has one row for each subject. The
    measures of the rules are columns of either.
    """

    name: str
    subjects: Sequence[GateSubject]
    rows: pd.DataFrame = field(repr=False)
    wholes: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Verdict:
    """One rule's result, and every failing session with the value that was found."""

    rule: Rule
    result: QualityResult
    failing: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SuiteVerdicts:
    """The verdicts on each subject, in the order of its rules.

    Where only failures are reported symbol by symbol, `shared` has one result for each expectation
    that holds, of all symbols together. `n_asked` counts every verdict.
    """

    verdicts: tuple[tuple[Verdict, ...], ...]
    shared: tuple[QualityResult, ...]
    n_asked: int


def evaluate_suite(suite: Suite, *, tell_each: bool) -> SuiteVerdicts:
    """Return the verdicts of `suite`; with `tell_each` what holds is reported one by one, too."""
    classes = _group(suite.subjects)
    tallies = _count(suite, [rule for rules, _ in classes for rule in rules])
    lacking = {index: one.absent for index, one in enumerate(suite.subjects) if one.absent}
    verdicts: list[list[Verdict]] = [[] for _ in suite.subjects]
    shared = _Shared(suite)
    for rules, indices in classes:
        for rule in rules:
            tally = tallies[rule.asked]
            holds = tally.find_holding(rule, lacking)
            for index in indices if tell_each else indices[~holds[indices]]:
                verdicts[index].append(tally.tell(rule, index, success=bool(holds[index])))
            if not tell_each:
                shared.add(rule, indices[holds[indices]])
    n_asked = sum(len(rules) * len(indices) for rules, indices in classes)
    return SuiteVerdicts(tuple(map(tuple, verdicts)), shared.results(), n_asked)


def _group(subjects: Sequence[GateSubject]) -> list[tuple[tuple[Rule, ...], IntArray]]:
    """Return each set of rules with the indices of the subjects that are checked by it."""
    by_rules: dict[int, list[int]] = {}
    for index, subject in enumerate(subjects):
        by_rules.setdefault(id(subject.rules), []).append(index)
    return [(subjects[one[0]].rules, np.array(one, np.int64)) for one in by_rules.values()]


def _count(suite: Suite, rules: Sequence[Rule]) -> dict[tuple[str, str], _Tally]:
    """Ask what the rules ask, and return by `Rule.asked` what was found, subject by subject."""
    tallies = {}
    for frame in (suite.rows, suite.wholes):
        asked = {rule.asked: rule for rule in rules if rule.measure in frame}
        answers = ask(frame, list(asked.values()), suite.name) if asked else {}
        for key, answer in answers.items():
            tallies[key] = _Tally(suite, asked[key].measure, answer)
    return tallies


class _Tally:
    """The failing rows of one measure, by subject."""

    def __init__(self, suite: Suite, measure: str, answer: Answer) -> None:
        self._suite, self._measure, self._error = suite, measure, answer.error
        self._is_whole = measure in suite.wholes
        self._frame = suite.wholes if self._is_whole else suite.rows
        self._n_subjects = len(suite.subjects)
        self._subject: IntArray = (
            np.arange(self._n_subjects) if self._is_whole else suite.rows["subject"].to_numpy()
        )
        self._failing = answer.failing
        owners = self._subject[self._failing]
        self._bounds = np.searchsorted(owners, np.arange(self._n_subjects + 1))

    @cached_property
    def _n_rows(self) -> IntArray:
        return np.bincount(self._subject, minlength=self._n_subjects)

    @cached_property
    def _n_values(self) -> IntArray:
        given = self._frame[self._measure].notna().to_numpy()
        return np.bincount(self._subject[given], minlength=self._n_subjects)

    def find_holding(
        self, rule: Rule, lacking: Mapping[int, Container[str]]
    ) -> npt.NDArray[np.bool_]:
        """Return for each subject whether `rule` holds; on a column that it lacks, none does."""
        if self._error:
            return np.zeros(self._n_subjects, bool)
        n_failing = np.diff(self._bounds)
        holds: npt.NDArray[np.bool_] = n_failing == 0
        if "mostly" in rule.options:
            holds = 1.0 - n_failing / np.maximum(self._n_values, 1) >= _mostly(rule)
        holds[[index for index, absent in lacking.items() if rule.column in absent]] = False
        return holds

    def tell(self, rule: Rule, index: int, *, success: bool) -> Verdict:
        """Return the verdict of `rule` on the subject at `index`, in words."""
        subject = self._suite.subjects[index]
        examples = self._list_failing(rule, index)
        details = self._describe(rule, index, examples)
        note = f"; {subject.note}" if subject.note else ""
        words = f"{rule.holds}{note}" if success else f"{rule.finding}{note}{_where(details)}"
        result = QualityResult(
            suite=self._suite.name,
            expectation=rule.name,
            symbol=subject.symbol,
            column=rule.column,
            severity=rule.severity,
            success=success,
            first=subject.first,
            last=subject.last,
            sentence=f"{subject.symbol}: {words}.",
            details=details,
        )
        failing = () if success else examples
        named = tuple((str(row["session"]), tell_value(row["value"])) for row in failing)
        return Verdict(rule, result, named)

    def _list_failing(self, rule: Rule, index: int) -> list[dict[str, Any]]:
        """Return session and measured value of each failing row of the subject, by session."""
        if self._is_whole:
            return []
        rows = self._failing[self._bounds[index] : self._bounds[index + 1]]
        days = np.datetime_as_string(self._frame["session"].to_numpy()[rows], unit="D")
        values = self._frame[rule.reported or self._measure].to_numpy()[rows]
        failing = [
            {"session": str(day), "value": _plain(value)}
            for day, value in zip(days, values, strict=True)
        ]
        return sorted(failing, key=lambda row: str(row["session"]))

    def _describe(
        self, rule: Rule, index: int, examples: Sequence[Mapping[str, Any]]
    ) -> dict[str, object]:
        details: dict[str, object] = {"type": _snake(rule.expectation)}
        if rule.column in self._suite.subjects[index].absent:
            return details | {"error": "the column is absent"}
        if self._error:
            return details | {"error": self._error}
        if self._is_whole:
            observed = _plain(self._frame[rule.reported or self._measure].iloc[index])
            return details if observed is None else details | {"observed": observed}
        details |= {"rows": int(self._n_rows[index]), "failing": len(examples)}
        if examples:
            details["examples"] = list(examples[:EXAMPLES_KEPT])
            details["last_failing"] = examples[-1]["session"]
        if "mostly" in rule.options:
            details["tolerated"] = int(self._n_values[index] * (1.0 - _mostly(rule)))
        return details


class _Shared:
    """Counts the symbols for which each expectation holds."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._held: dict[tuple[str, ...], tuple[Rule, list[int]]] = {}

    def add(self, rule: Rule, indices: IntArray) -> None:
        # Rules that differ only in how many rows of a subject they tolerate say the same.
        said = (rule.name, rule.column, rule.severity, rule.holds)
        self._held.setdefault(said, (rule, []))[1].extend(indices.tolist())

    def results(self) -> tuple[QualityResult, ...]:
        return tuple(self._tell(rule, indices) for rule, indices in self._held.values() if indices)

    def _tell(self, rule: Rule, indices: Sequence[int]) -> QualityResult:
        held = [self._suite.subjects[index] for index in indices]
        n_symbols = len({subject.symbol for subject in held})
        return QualityResult(
            suite=self._suite.name,
            expectation=rule.name,
            symbol="",
            column=rule.column,
            severity=rule.severity,
            success=True,
            first=min(subject.first for subject in held),
            last=max(subject.last for subject in held),
            sentence=f"{n_symbols:,} symbols: {rule.holds}.",
            details={"symbols": n_symbols},
        )


def _mostly(rule: Rule) -> float:
    return float(str(rule.options["mostly"]))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _where(details: Mapping[str, object]) -> str:
    examples = details.get("examples")
    if not isinstance(examples, list):
        if "error" in details:
            return f" (not checked: {details['error']})"
        return f" (observed: {tell_value(details['observed'])})" if "observed" in details else ""
    reported = [
        # Flags, counts and names of the row repeat the sentence; only a measured value adds to it.
        f"{example['session']} ({tell_value(example['value'])})"
        if isinstance(example["value"], float)
        else example["session"]
        for example in examples[:EXAMPLES_REPORTED]
    ]
    failing = int(str(details.get("failing", len(examples))))
    more = failing - len(reported)
    rest = f" and {more} more, the last {details['last_failing']}" if more > 0 else ""
    return f" on {', '.join(reported)}{rest}"


def tell_value(value: object) -> str:
    """Return a measured value in the words of a sentence."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    # JSON knows neither NaN nor infinity; the first is no observation, the second is named.
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
