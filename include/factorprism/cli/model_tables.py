"""What ``factorprism models`` prints for a person: tables that also fit 80 columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from factorprism.core.schemas import Evaluation, Promotion
from factorprism.pipelines.promotions import CHAMPION, Dossier, Standing
from factorprism.training import Paired

# Of all figures, those that are read side by side; the rest stand in `models show`.
COMPARED = ("log_loss", "brier", "brier_skill", "accuracy", "auc", "ece", "r2_skill")


def print_models(standings: Sequence[Standing]) -> None:
    """Print one line a model, and below it the champion's sentence on skill."""
    table = _make_table("model", "title", "trained through", "mode")
    table.add_column("Brier skill", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("skill")
    for standing in standings:
        skill = standing.skill
        table.add_row(
            standing.record.model_id,
            standing.mark,
            standing.record.trained_through.isoformat(),
            standing.record.mode,
            f"{skill.value:+.1%}" if skill else "-",
            f"{skill.lower:+.1%} to {skill.upper:+.1%}" if skill else "-",
            _verdict(skill),
        )
    _print(table)
    for standing in standings:
        if standing.mark == CHAMPION:
            print(f"\n{standing.record.model_id}: {standing.sentence}")


def print_dossier(dossier: Dossier) -> None:
    """Print all that is known of one model."""
    standing, record = dossier.standing, dossier.standing.record
    facts = {
        "model": record.model_id,
        "title": standing.mark or "-",
        "network": record.architecture,
        "universe": f"{record.universe}, horizon {record.horizon} sessions",
        "image": f"{record.lookback} sessions x {len(record.factors)} factors of "
        + ", ".join(record.channels),
        "trained": f"{record.mode}, {record.n_samples} images from {record.trained_from} through "
        f"{record.trained_through}",
        "parent": record.parent_id or "-",
        "base rate": f"{record.base_rate:.1%}",
        "data hash": record.data_hash,
        "artefact hash": record.artefact_hash,
        "bundle": dossier.refusal or "verified",
    }
    for name, value in facts.items():
        print(f"{name:<14} {value}")
    print(f"\n{standing.sentence}")
    if dossier.evaluations:
        print()
        _print(_tabulate_evaluations(dossier.evaluations))
    for decision in dossier.decisions:
        print()
        print_decision(decision)


def print_decision(decision: Promotion) -> None:
    """Print one row of the promotions ledger as two lines."""
    if decision.promoted:
        after = f" after {decision.previous_id}" if decision.previous_id else ""
        outcome = f"{decision.candidate_id} takes the title{after}"
    else:
        holder = decision.champion_id or "nobody"
        outcome = f"{holder} keeps the title, {decision.candidate_id} asked for it"
    print(f"{decision.as_of} {decision.kind}: {outcome}")
    print(decision.reason)


def print_comparison(first_id: str, second_id: str, paired: Paired) -> None:
    """Print the figures of both models side by side, their differences, and one sentence."""
    of = {(item.model_id, item.metric): item for item in paired.evaluations}
    table = _make_table("figure")
    for name in (first_id, second_id):
        table.add_column(name, justify="right")
    table.add_column("base rate", justify="right")
    for metric in COMPARED:
        pair = [of.get((model_id, metric)) for model_id in (first_id, second_id)]
        if all(pair):
            reference = pair[1].reference if pair[1] else float("nan")
            table.add_row(metric, *(_interval(item) for item in pair), f"{reference:.4f}")
    _print(table)
    print(f"\n{comparison_sentence(first_id, second_id, paired)}")


def comparison_sentence(first_id: str, second_id: str, paired: Paired) -> str:
    """Say which of the two is better, where the interval of the difference tells."""
    n = paired.numbers
    span = (
        f"over {n['n_sessions']:.0f} sessions from {paired.first} to {paired.last} "
        f"({n['independent_windows']:.0f} windows that do not overlap)"
    )
    gain = (
        f"its log loss is {abs(n['gain']):.4f} {'lower' if n['gain'] >= 0 else 'higher'} (95% "
        f"interval of the gain {n['gain_lower']:+.4f} to {n['gain_upper']:+.4f})"
    )
    if n["gain_lower"] > 0.0:
        verdict = f"{second_id} is better than {first_id}"
    elif n["gain_upper"] < 0.0:
        verdict = f"{second_id} is worse than {first_id}"
    else:
        verdict = f"{second_id} is neither shown to be better than {first_id} nor worse"
    return (
        f"{verdict}: {span} {gain}, of which {-n['miscalibration_excess']:+.4f} comes from its "
        f"calibration ({-n['miscalibration_excess_upper']:+.4f} to "
        f"{-n['miscalibration_excess_lower']:+.4f})."
    )


def _tabulate_evaluations(evaluations: Sequence[Evaluation]) -> Table:
    table = _make_table("judged", "figure")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right")
    table.add_column("base rate", justify="right")
    table.add_column("sessions")
    before = None
    for item in evaluations:
        place = (item.kind, item.first, item.last)
        new = place != before
        table.add_row(
            item.kind if new else "",
            item.metric,
            f"{item.value:.4f}",
            f"{item.lower:.4f} to {item.upper:.4f}",
            f"{item.reference:.4f}",
            f"{item.n_sessions} from {item.first} to {item.last}" if new else "",
        )
        before = place
    return table


def _verdict(skill: Evaluation | None) -> str:
    if skill is None:
        return "not judged"
    if skill.lower > 0.0:
        return "shown"
    return "worse than the base rate" if skill.upper < 0.0 else "none shown"


def _interval(item: Evaluation | None) -> str:
    return f"{item.value:.4f} ({item.lower:.4f} to {item.upper:.4f})" if item else "-"


def _make_table(*names: str) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)
