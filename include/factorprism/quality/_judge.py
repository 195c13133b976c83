"""Runs rules as Great Expectations suites over a pandas batch and puts the verdicts into words."""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import ModuleType
from typing import Any

import pandas as pd

from factorprism.core.schemas import QualityResult
from factorprism.quality._rules import Rule

# Rows that a result names; the counts always cover all of them.
EXAMPLES_KEPT = 20
EXAMPLES_TOLD = 3


@dataclass(frozen=True)
class Verdict:
    """One rule's result, and every failing session with the value that was found."""

    rule: Rule
    result: QualityResult
    failing: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Subject:
    """What is judged: one symbol's data for [`first`, `last`]."""

    symbol: str
    first: date
    last: date


def judge(
    frame: pd.DataFrame, rules: Sequence[Rule], suite: str, subject: Subject
) -> list[QualityResult]:
    """Return the result of each rule on `frame`, as `judge_rows` does."""
    return [verdict.result for verdict in judge_rows(frame, rules, suite, subject)]


def judge_rows(
    frame: pd.DataFrame, rules: Sequence[Rule], suite: str, subject: Subject
) -> list[Verdict]:
    """Return the verdict of each rule on `frame`, in the order of `rules`.

    `frame` has a column ``session``, by which failing rows are named, and every column that the
    rules' options name; an absent one fails its rule. NaN cells are passed over by rules on
    values. The ephemeral context keeps nothing on disk and sends nothing anywhere.
    """
    gx = _import_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("memory")
        .add_dataframe_asset(suite)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame})
    )
    counted = {(rule.counterpart, rule.column): rule for rule in rules if rule.counterpart}
    asked = [rule for rule in rules if (rule.name, rule.column) not in counted]
    expectations = [_build_expectation(gx, rule) for rule in asked]
    validation = batch.validate(
        gx.ExpectationSuite(name=suite, expectations=expectations),
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["session"],
        },
    )
    verdicts = {
        verdict["expectation_config"]["meta"]["rule"]: verdict
        for verdict in validation.to_json_dict()["results"]
    }
    for rule in rules:
        warning = counted.get((rule.name, rule.column))
        if warning is not None:
            # Many of what the warning has found already: asking again would cost as much.
            verdicts[rule.key] = _count_many(rule, verdicts[warning.key])
    return [_to_verdict(rule, verdicts[rule.key], suite, subject, frame.columns) for rule in rules]


def _count_many(rule: Rule, verdict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the verdict of a warning as that of `rule`, which tolerates a share of failures."""
    result = verdict.get("result") or {}
    if "unexpected_count" not in result:
        return verdict
    n_values = result["element_count"] - result.get("missing_count", 0)
    held = 1.0 - result["unexpected_count"] / n_values if n_values else 1.0
    return {**verdict, "success": held >= float(str(rule.options["mostly"]))}


@lru_cache(maxsize=1)
def _import_great_expectations() -> ModuleType:
    # The import alone writes over two hundred INFO lines, and each context one more.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations
    import great_expectations.expectations

    # This module sets its own logger back to INFO while it is imported.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    module: ModuleType = great_expectations
    return module


def _build_expectation(gx: ModuleType, rule: Rule) -> Any:
    meta = {"rule": rule.key, "severity": rule.severity, "sentence": rule.holds}
    builder = getattr(gx.expectations, rule.expectation)
    return builder(**rule.options, severity=rule.severity, meta=meta)


def _to_verdict(
    rule: Rule,
    verdict: Mapping[str, Any],
    suite: str,
    subject: Subject,
    measured_columns: Container[object],
) -> Verdict:
    success = bool(verdict["success"])
    examples = [] if success else _failing_rows(verdict)
    details = _details(verdict, measured_columns, _failing_rows(verdict))
    if "mostly" in rule.options:
        details["tolerated"] = _count_tolerated(rule, verdict)
    told = rule.holds if success else f"{rule.finding}{_where(details)}"
    result = QualityResult(
        suite=suite,
        expectation=rule.name,
        symbol=subject.symbol,
        column=rule.column,
        severity=rule.severity,
        success=success,
        first=subject.first,
        last=subject.last,
        sentence=f"{subject.symbol}: {told}.",
        details=details,
    )
    failing = tuple((str(row["session"]), tell_value(row["value"])) for row in examples)
    return Verdict(rule, result, failing)


def _count_tolerated(rule: Rule, verdict: Mapping[str, Any]) -> int:
    """Return how many rows may fail; cells without a value are none."""
    result = verdict.get("result") or {}
    n_values = int(result.get("element_count", 0)) - int(result.get("missing_count", 0))
    return int(n_values * (1.0 - float(str(rule.options["mostly"]))))


def _failing_rows(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return session and measured value of each failing row, by session."""
    measured = verdict["expectation_config"]["kwargs"].get("column")
    failing = (verdict.get("result") or {}).get("unexpected_index_list") or []
    rows = [
        {"session": str(row["session"])[:10], "value": _plain(row.get(measured))}
        for row in failing
        if "session" in row
    ]
    return sorted(rows, key=lambda row: str(row["session"]))


def _details(
    verdict: Mapping[str, Any], columns: Container[object], examples: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    result: Mapping[str, Any] = verdict.get("result") or {}
    details: dict[str, object] = {"type": verdict["expectation_config"]["type"]}
    for source, target in (("element_count", "rows"), ("unexpected_count", "failing")):
        if source in result:
            details[target] = int(result[source])
    observed = _plain(result.get("observed_value"))
    absent = ((result.get("details") or {}).get("mismatched") or {}).get("missing")
    if absent:
        observed = f"without {', '.join(map(str, absent))}"
    if observed is not None:
        details["observed"] = observed
    measured = verdict["expectation_config"]["kwargs"].get("column")
    if examples:
        details["examples"] = list(examples[:EXAMPLES_KEPT])
        details["last_failing"] = examples[-1]["session"]
    raised = _raised(verdict.get("exception_info") or {})
    if raised:
        known = measured is None or measured in columns
        details["error"] = raised if known else "the column is absent"
    return details


def _raised(info: Mapping[str, Any]) -> str:
    # One entry, or one for each metric that could not be computed.
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(entry["exception_message"]) for entry in entries if entry["raised_exception"]]
    return messages[0].splitlines()[0] if messages else ""


def _where(details: Mapping[str, object]) -> str:
    examples = details.get("examples")
    if not isinstance(examples, list):
        if "error" in details:
            return f" (not judged: {details['error']})"
        return f" (observed: {tell_value(details['observed'])})" if "observed" in details else ""
    told = [
        # Flags, counts and names of the row repeat the sentence; only a measured value adds to it.
        f"{example['session']} ({tell_value(example['value'])})"
        if isinstance(example["value"], float)
        else example["session"]
        for example in examples[:EXAMPLES_TOLD]
    ]
    failing = int(str(details.get("failing", len(examples))))
    more = failing - len(told)
    rest = f" and {more} more, the last {details['last_failing']}" if more > 0 else ""
    return f" on {', '.join(told)}{rest}"


def tell_value(value: object) -> str:
    """Return a measured value in the words of a sentence."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    # JSON knows neither NaN nor infinity; the first is no observation, the second is named.
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
