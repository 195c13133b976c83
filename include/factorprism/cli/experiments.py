"""The bodies of ``factorprism experiment``: the list, and one experiment with its stated time."""

from __future__ import annotations

import logging
from pathlib import Path

from factorprism.cli.context import open_warehouse
from factorprism.cli.embedded import say
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run


def print_experiments() -> None:
    """Print each experiment's name, its stated times and its question."""
    from factorprism.experiments import CATALOGUE, format_seconds

    for experiment in CATALOGUE:
        quick = format_seconds(experiment.quick.stated_seconds)
        full = format_seconds(experiment.full.stated_seconds)
        print(f"{experiment.name:<12} quick {quick}, full {full} on two idle cores")
        print(f"{'':<12} {experiment.question}")


def run_experiment(name: str, signal: str, *, quick: bool, out: Path | None) -> None:
    """Conduct the experiment `name` on the warehouse's history and print its page."""
    from factorprism.experiments import conduct, find_experiment, format_seconds, load_history

    # One process builds many networks, which the library takes for a mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    experiment = find_experiment(name)
    size = experiment.size(quick=quick)
    say(f"{experiment.name}: {experiment.question}")
    say(f"stated time on two idle cores: {format_seconds(size.stated_seconds)}")
    if quick:
        say(f"quick size, which proves the path and not the question: {size.cut}")
    with open_warehouse() as (config, ports):
        chosen = find_signal(config, signal)
        extent = ports.warehouse.bars.load_extent(chosen.symbol)
        if extent is None:
            raise ConfigurationError(
                f"the warehouse holds no bars of {chosen.symbol}",
                remedy="Load its history: factorprism backfill --start DATE --end DATE.",
            )
        history = load_history(Run(extent[1], chosen, config, ports, say))
        folder = out or config.home / "experiments" / chosen.name
    report = conduct(
        experiment,
        history,
        folder,
        quick=quick,
        seed=config.seed,
        threads=config.threads,
        tell=say,
    )
    print(report.page)
    for path in report.files:
        say(f"written: {path}")
    stated = format_seconds(size.stated_seconds)
    say(f"took {format_seconds(report.seconds)}, stated {stated}")
