"""Turns a run's results into what the templates of the data docs show, in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from factorprism.core.severity import CRITICAL
from factorprism.market.findings import QualityResult
from factorprism.quality._evaluation import tell_value

# Heads the results that many symbols share.
SHARED = "What holds, by the number of symbols,"


def summarise_run(run_key: str, results: Sequence[QualityResult]) -> dict[str, Any]:
    """Return the index's row of one run, ready for JSON."""
    failed = [result for result in results if not result.success]
    critical = sum(result.severity == CRITICAL for result in failed)
    warnings = len(failed) - critical
    tone, verdict = "good", "passed"
    if not results:
        tone, verdict = "warn", "nothing checked"
    elif critical:
        tone, verdict = "bad", "stopped"
    elif warnings:
        tone, verdict = "warn", "warnings"
    return {
        "run_key": run_key,
        "first": str(min((result.first for result in results), default="")),
        "last": str(max((result.last for result in results), default="")),
        "symbols": _tell_symbols(results),
        "expectations": len(results),
        "critical": critical,
        "warnings": warnings,
        "tone": tone,
        "verdict": verdict,
    }


def _tell_symbols(results: Sequence[QualityResult]) -> list[str]:
    """Return the symbols by name, or their number where they share results."""
    counts = [int(str(result.details["symbols"])) for result in results if not result.symbol]
    if counts:
        return [f"{max(counts):,} symbols"]
    return sorted({result.symbol for result in results})


def present_run(results: Sequence[QualityResult]) -> dict[str, Any]:
    """Return `findings` (critical first) and `parts`, one for each symbol and period."""
    findings = [_row(result) for result in results if not result.success]
    findings.sort(key=lambda row: row["severity"] != CRITICAL)
    periods: dict[tuple[str, date, date], list[QualityResult]] = {}
    for result in results:
        periods.setdefault((result.symbol, result.first, result.last), []).append(result)
    parts = [_part(*period, held) for period, held in periods.items()]
    return {"findings": findings, "parts": parts}


def _part(symbol: str, first: date, last: date, results: Sequence[QualityResult]) -> dict[str, Any]:
    by_suite: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        by_suite.setdefault(result.suite, []).append(_row(result))
    missing = next(
        (
            result.details["missing_by_month"]
            for result in results
            if "missing_by_month" in result.details
        ),
        None,
    )
    by_month: dict[str, int] = dict(missing) if isinstance(missing, Mapping) else {}
    return {
        "symbol": symbol or SHARED,
        "first": first,
        "last": last,
        "missing": sum(by_month.values()),
        "years": [] if missing is None else _years(first, last, by_month),
        "suites": [
            {"name": name, "rows": rows, "failing": sum(row["tone"] != "good" for row in rows)}
            for name, rows in by_suite.items()
        ],
    }


def _years(first: date, last: date, by_month: Mapping[str, int]) -> list[dict[str, Any]]:
    asked = (f"{first:%Y-%m}", f"{last:%Y-%m}")
    return [
        {
            "year": year,
            "cells": [_cell(f"{year}-{month:02}", asked, by_month) for month in range(1, 13)],
        }
        for year in range(first.year, last.year + 1)
    ]


def _cell(month: str, asked: tuple[str, str], by_month: Mapping[str, int]) -> dict[str, str]:
    if not asked[0] <= month <= asked[1]:
        return {"tone": "", "title": "", "text": ""}
    missing = by_month.get(month, 0)
    if not missing:
        return {"tone": "held", "title": f"{month}: complete", "text": ""}
    return {"tone": "missing", "title": f"{month}: {missing} missing", "text": str(missing)}


def _row(result: QualityResult) -> dict[str, Any]:
    tone = "good" if result.success else "bad" if result.severity == CRITICAL else "warn"
    examples, names = result.details.get("examples"), result.details.get("findings")
    return {
        "name": result.expectation,
        "column": result.column,
        "severity": result.severity,
        "sentence": result.sentence,
        "tone": tone,
        "verdict": {"good": "holds", "bad": "fails", "warn": "warns"}[tone],
        "observed": _observed(result.details),
        "examples": [_example(item) for item in examples] if isinstance(examples, list) else [],
        "names": names if isinstance(names, list) else [],
    }


def _observed(details: Mapping[str, object]) -> str:
    if "error" in details:
        return f"not checked: {details['error']}"
    if "failing" in details:
        return f"{details['failing']} of {details.get('rows', '?')} rows fail"
    if "observed" not in details:
        return ""
    observed = details["observed"]
    if isinstance(observed, list):
        return ", ".join(map(str, observed))
    return f"observed {tell_value(observed)}"


def _example(item: Mapping[str, object]) -> str:
    session, value = item.get("session", ""), item.get("value")
    return str(session) if value is None else f"{session}: {tell_value(value)}"
