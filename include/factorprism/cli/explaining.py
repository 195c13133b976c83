"""Prints the stored explanation of a forecast: its attribution, and what was like it before."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from factorprism.cli.context import open_warehouse
from factorprism.cli.tables import write_json
from factorprism.core.contest import Explanation
from factorprism.core.errors import ConfigurationError
from factorprism.core.ledger import Forecast
from factorprism.core.signals import Signal, find_signal
from factorprism.forecasts.explain import Attribution
from factorprism.pipelines import Ports
from factorprism.targets import Target, find_target
from factorprism.targets.headline import read_headline

TOP = 5  # parts that are named of each axis


def print_explanations(session: date | None, signal: str, *, as_json: bool) -> None:
    """Print every explanation of the signal's forecasts of `session`, or of the newest explained.

    Raises `ConfigurationError` where there is none.
    """
    with open_warehouse() as (config, ports):
        found = find_explained(find_signal(config, signal), ports, session)
    if as_json:
        write_json([asdict(explanation) for _, explanation in found])
        return
    for row, explanation in found:
        _print(row, explanation)


def find_explained(
    signal: Signal, ports: Ports, session: date | None
) -> list[tuple[Forecast, Explanation]]:
    """Return the explained forecasts of `session`, or of the newest that has one.

    Raises `ConfigurationError` where there is none.
    """
    held = ports.warehouse.explanations.list_explained(signal.name)
    explained = sorted({day for day, _ in held if day != session}, reverse=True)
    for day in explained if session is None else [session]:
        found = _load(signal, ports, day)
        if found:  # empty where a run ended between the explanation and its row
            return found
    there = f"The newest explained one is of {explained[0]}. " if explained else ""
    raise ConfigurationError(
        f"no forecast of {signal.name} is explained" + (f" for {session}" if session else ""),
        remedy=f"{there}Make one: factorprism daily --signal {signal.name}"
        + (f" --session {session}." if session else "."),
    )


def _load(signal: Signal, ports: Ports, day: date) -> list[tuple[Forecast, Explanation]]:
    rows = ports.warehouse.forecasts.load_forecasts(signal.name, day, day)
    # A withheld row may be followed by an issued one of the same model: the last word counts.
    newest = {row.model_id: row for row in rows}
    store = ports.warehouse.explanations
    held = {model: store.load_explanation(signal.name, day, model) for model in newest}
    return [(newest[model], found) for model, found in held.items() if found is not None]


def _print(row: Forecast, explanation: Explanation) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    attribution: Any = explanation.attribution
    target, whole = find_target(row.target), Attribution.from_dict(attribution)
    headline = read_headline(row)
    said = f"forecast {headline.words[0]}" if headline else f"withheld: {row.reason}"
    console.print(f"{row.signal} {row.session}, {said}, by {row.model_id}")
    console.print(
        f"{target.words.output} {whole.output:+.3f} before calibration, of the median image "
        f"{whole.median_output:+.3f}; a part's figure is what it adds"
    )
    console.print(_tabulate_attribution(attribution, explanation))
    if explanation.baselines:
        console.print(_of_baselines(explanation.baselines, target))
    _print_nearest_neighbours(console, explanation.nearest_neighbours)


def _tabulate_attribution(attribution: Mapping[str, Any], explanation: Explanation) -> Table:
    stability: Any = explanation.stability
    surrogate: Any = explanation.surrogate
    agreement = stability.get("agreement", {})
    table = Table("by", "largest parts", "seeds agree", show_edge=False, pad_edge=False)
    days = [f"{first} to {last}" for first, last in attribution["day_blocks"]]
    axes = (
        ("channel", attribution["channels"]),
        ("group", attribution["groups"]),
        ("factor", attribution["factors"]),
        ("day", days),
    )
    for kind, names in axes:
        if len(names) > 1:
            weights = dict(zip(names, attribution["values"][kind], strict=True))
            table.add_row(kind, _largest(weights), _agreed(agreement, kind))
    r2 = surrogate["figures"]["r2"]
    for name, shares in (("shapley", explanation.shapley), ("surrogate", surrogate)):
        title = f"surrogate, R2 {r2:.2f}" if name == "surrogate" else name
        table.add_row(title, _largest(_parts(shares)), _agreed(agreement, name))
    return table


def _parts(shares: Any) -> dict[str, float]:
    """Return the shares by the names of their channel, group and days."""
    single = len(shares["channels"]) == 1
    return {
        f"{'' if single else channel + ' '}{group} {first} to {last}": value
        for channel, groups in zip(shares["channels"], shares["values"], strict=True)
        for group, blocks in zip(shares["groups"], groups, strict=True)
        for (first, last), value in zip(shares["day_blocks"], blocks, strict=True)
    }


def _of_baselines(baselines: Mapping[str, Any], target: Target) -> Table:
    form = ".1%" if target.probability else ".4f"
    table = Table("baseline", target.ranked, "largest factors", show_edge=False, pad_edge=False)
    for name, reasons in baselines.items():
        weights = {
            factor: sum(values)
            for factor, values in zip(reasons["factors"], reasons["values"], strict=True)
        }
        table.add_row(name, f"{reasons[target.ranked]:{form}}", _largest(weights))
    return table


def _print_nearest_neighbours(console: Console, nearest_neighbours: Mapping[str, Any]) -> None:
    verdict = "unlike any past image" if nearest_neighbours["novel"] else "within what was seen"
    console.print(
        f"{verdict}: the nearest lies {nearest_neighbours['distance']:.2f} away, the limit is "
        f"{nearest_neighbours['threshold']:.2f}"
    )
    table = Table("past image", "distance", "return that followed", show_edge=False, pad_edge=False)
    for neighbour in nearest_neighbours["neighbours"]:
        table.add_row(
            neighbour["session"],
            f"{neighbour['distance']:.2f}",
            f"{neighbour['forward_return']:+.2%} by {neighbour['outcome_end']}",
        )
    console.print(table)


def _largest(weights: Mapping[str, float]) -> str:
    ordered = sorted(weights.items(), key=lambda item: -abs(item[1]))
    return ", ".join(f"{name} {value:+.3f}" for name, value in ordered[:TOP] if value)


def _agreed(agreement: Mapping[str, float], kind: str) -> str:
    return f"{agreement[kind]:+.2f}" if kind in agreement else "-"
