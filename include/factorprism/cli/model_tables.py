"""What ``factorprism models`` prints for a person: tables that also fit 80 columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table

from factorprism.core.models import Evaluation, Promotion
from factorprism.pipelines.promotions import Dossier, ModelStatus
from factorprism.selection import Paired
from factorprism.targets import Target


def print_models(statuses: Sequence[ModelStatus]) -> None:
    """Print one line a model, and below it what champion and challenger have shown."""
    table = _make_table("model", "status")
    table.add_column("trained", min_width=10)
    table.add_column("skill", justify="right")
    table.add_column("95% interval", justify="right", no_wrap=True)
    for status in statuses:
        skill, record = status.skill, status.record
        table.add_row(
            record.model_id,
            status.mark,
            f"{record.trained_through} {record.mode}",
            f"{skill.value:+.1%}" if skill else "-",
            f"{skill.lower:+.1%} to {skill.upper:+.1%}" if skill else "-",
        )
    _print(table)
    for status in statuses:
        if status.mark:
            print(f"\n{status.mark} {status.record.model_id}: {status.sentence}")


def print_dossier(dossier: Dossier) -> None:
    """Print all that is known of one model."""
    status, record = dossier.status, dossier.status.record
    facts = {
        "model": record.model_id,
        "status": status.mark or "-",
        "network": record.architecture,
        "universe": f"{record.universe}, horizon {record.horizon} sessions",
        "image": f"{record.lookback} sessions x {len(record.factors)} factors of "
        + ", ".join(record.channels),
        "trained": f"{record.mode}, {record.n_samples} images from {record.trained_from} through "
        f"{record.trained_through}",
        "device": record.spec.get("device", "not on record"),
        "parent": record.parent_id or "-",
        **{name: f"{value:.4g}" for name, value in record.bases.items()},
        "data hash": record.data_hash,
        "artefact hash": record.artefact_hash,
        "bundle": dossier.refusal or "verified",
    }
    for name, value in facts.items():
        print(f"{name:<14} {value}")
    print(f"\n{status.sentence}")
    for span, group in groupby(
        dossier.evaluations, lambda item: (item.kind, item.first, item.last)
    ):
        of_span = list(group)
        print(f"\n{span[0]}, {of_span[0].n_sessions} sessions from {span[1]} to {span[2]}:")
        _print(_tabulate_evaluations(of_span))
    for decision in dossier.decisions:
        print()
        print_decision(decision)


def print_decision(decision: Promotion) -> None:
    """Print one row of the promotions ledger as two lines."""
    if decision.promoted:
        after = f" after {decision.previous_id}" if decision.previous_id else ""
        outcome = f"{decision.candidate_id} becomes champion{after}"
    else:
        champion = decision.champion_id or "nobody"
        outcome = f"{champion} stays champion, the candidate was {decision.candidate_id}"
    print(f"{decision.as_of} {decision.kind}: {outcome}")
    print(decision.reason)


def print_comparison(first_id: str, second_id: str, paired: Paired, target: Target) -> None:
    """Print the figures of both models side by side, their differences, and one sentence.

    The figures are those of the target's tables; the rest stand in `models show`.
    """
    shown = [metric for section in target.sections for metric, _, _ in section.columns]
    of = {(item.model_id, item.metric): item for item in paired.evaluations}
    table = _make_table("figure")
    for name in (first_id, second_id):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("reference", justify="right")
    for metric in shown:
        pair = [of.get((model_id, metric)) for model_id in (first_id, second_id)]
        if all(pair):
            reference = pair[1].reference if pair[1] else float("nan")
            table.add_row(metric, *(_interval(item) for item in pair), f"{reference:.4f}")
    _print(table)
    print(f"\n{comparison_sentence(first_id, second_id, paired, target)}")


def comparison_sentence(first_id: str, second_id: str, paired: Paired, target: Target) -> str:
    """Say which of the two is better, where the interval of the difference tells."""
    n = paired.numbers
    span = (
        f"over {n['n_sessions']:.0f} sessions from {paired.first} to {paired.last} "
        f"({n['independent_windows']:.0f} windows that do not overlap)"
    )
    side = "lower" if n["gain"] >= 0 else "higher"
    gain = (
        f"its {target.words.loss} is {abs(n['gain']):.4f} {side} (95% interval of the gain "
        f"{n['gain_lower']:+.4f} to {n['gain_upper']:+.4f})"
    )
    if n["gain_lower"] > 0.0:
        verdict = f"{second_id} is better than {first_id}"
    elif n["gain_upper"] < 0.0:
        verdict = f"{second_id} is worse than {first_id}"
    else:
        verdict = f"{second_id} is neither shown to be better than {first_id} nor worse"
    return (
        f"{verdict}: {span} {gain}, of which {-n['miscalibration_exceedance']:+.4f} comes from its "
        f"calibration ({-n['miscalibration_exceedance_upper']:+.4f} to "
        f"{-n['miscalibration_exceedance_lower']:+.4f})."
    )


def _tabulate_evaluations(evaluations: Sequence[Evaluation]) -> Table:
    table = _make_table("figure")
    for name in ("value", "95% interval", "reference"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in evaluations:
        interval = f"{item.lower:.4f} to {item.upper:.4f}"
        table.add_row(item.metric, f"{item.value:.4f}", interval, f"{item.reference:.4f}")
    return table


def _interval(item: Evaluation | None) -> str:
    return f"{item.value:.4f} ({item.lower:.3f} to {item.upper:.3f})" if item else "-"


def _make_table(*names: str) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)
