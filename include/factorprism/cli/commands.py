"""The bodies of the commands that run pipelines and read the warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from factorprism.cli.context import latest_session, open_dry_run, open_run, open_warehouse
from factorprism.cli.drawing import draw_page
from factorprism.cli.embedded import say
from factorprism.cli.findings import describe_findings, print_findings
from factorprism.cli.forecast_pictures import Asked
from factorprism.cli.loading import load_history
from factorprism.cli.tables import forecast_lines, write_csv, write_json, write_table
from factorprism.cli.timings import Timings
from factorprism.core.errors import ConfigurationError, FactorPrismError
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.sessions import check_end, utc_now
from factorprism.core.signals import find_signal
from factorprism.factors import CATALOGUE, compute_factors
from factorprism.pipelines import Ports, Run, run_pipeline
from factorprism.pipelines.daily import settle
from factorprism.pipelines.watch import watch
from factorprism.quality import MissingReport, count_missing
from factorprism.reports import render_contest
from factorprism.views.contest import load_report


def step_printer() -> Callable[[str, float], None]:
    """Return a callback that prints one line a step, with its time."""
    started = time.perf_counter()

    def print_step(name: str, seconds: float) -> None:
        say(f"  {name:<18} {seconds:6.1f} s   (total {time.perf_counter() - started:.1f} s)")

    return print_step


def run_daily(session: date | None, signal: str, *, dry: bool) -> int:
    """Run the daily pipeline and print the session's rows; 3 when the forecast was withheld.

    A `dry` run prints what it would write, and leaves no row, file or message.
    """
    with (open_dry_run if dry else open_run)(session, signal) as run:
        note_source_end(run)
        rows = forecast_session(run, Timings())
        write_table(rows)
        return 0 if is_issued(rows) else 3


def forecast_session(run: Run, timings: Timings) -> list[Forecast]:
    """Run the daily pipeline in this process and return the session's rows.

    Raises what stopped the pipeline where no withheld row says so, or where one was issued.
    """
    try:
        run_pipeline("daily", run, on_step=timings.steps("daily", step_printer()))
    except FactorPrismError as error:
        rows = session_forecasts(run)
        if not rows or is_issued(rows):
            raise
        say(str(error))
    return session_forecasts(run)


def run_training(session: date | None, signal: str, mode: str, contest: str) -> None:
    """Run the weekly pipeline, on an empty warehouse after loading the history it learns from."""
    with open_run(session, signal) as run:
        note_source_end(run)
        load_history(run, Timings())
        options = {"mode": mode, "contest": contest}
        context = run_pipeline("weekly", run, options, on_step=step_printer())
        print(context["contest_sentence"])
        print(f"{context['champion_id'] or 'no champion'}: {context['reason']}")
        print(context["skill"])


def print_contest(
    session: date | None, signal: str, *, as_json: bool, out: Path | None = None
) -> None:
    """Print the contest's report; with a folder `out` its page and pictures are written there."""
    with open_warehouse() as (config, ports):
        chosen = find_signal(config, signal)
        report = load_report(ports.warehouse, chosen.name, session)
        if out is not None:
            asked = Asked("contest", chosen, report.as_of, "", config, ports, folder=out)
            say(f"written: {draw_page(asked)}")
    if as_json:
        write_json(asdict(report))
    else:
        print(render_contest(report), end="")


def run_backfill(start: date | None, end: date | None, symbols: list[str], signal: str) -> None:
    """Load a range of sessions: by default from `history_start` to the source's latest session."""
    with open_warehouse() as (config, ports):
        chosen = find_signal(config, signal)
        first = start or config.history_start
        last = end or latest_session(chosen, ports)
        if last < first:
            raise ConfigurationError(
                f"the range ends at {last}, before it begins at {first}",
                remedy="Name both: factorprism backfill --start DATE --end DATE.",
            )
        session = check_end(last, config.calendar_of(chosen.symbol), utc_now())
        run = Run(session, chosen, config, ports, say)
        wanted = [chosen.universe.symbol_of(symbol) for symbol in symbols]
        options = {"first": first.isoformat(), "last": last.isoformat(), "symbols": wanted}
        context = run_pipeline("backfill", run, options, on_step=step_printer())
        for symbol, (first, last) in context["held"].items():
            print(f"{symbol}: bars held from {first} to {last}")


def run_settlement(session: date | None, signal: str) -> None:
    with open_run(session, signal) as run:
        print(f"{settle(run, {})['settled']} forecasts settled")


def run_watch(session: date | None, signal: str) -> None:
    with open_run(session, signal) as run:
        watch(run, {})
        alerts = run.ports.warehouse.alerts.list_open_alerts()
    for alert in alerts:
        print(f"{alert.key}: {alert.sentence}")
    if not alerts:
        print("no alert is open")


def print_forecasts(form: str, signal: str | None, start: date | None, end: date | None) -> None:
    with open_warehouse() as (_, ports):
        rows = ports.warehouse.forecasts.load_forecasts(signal, start, end)
        if not rows:
            _require_any(ports, signal, start, end)
    if form == "json":
        write_json([line for row in rows for line in forecast_lines(row)])
    elif form == "csv":
        write_csv(rows)
    elif rows:
        write_table(rows)
    else:
        print("The ledger is empty. Make a forecast: factorprism daily")


def _require_any(ports: Ports, signal: str | None, start: date | None, end: date | None) -> None:
    """Say what there is where a choice of signal or sessions has left nothing of the ledger."""
    lines = ports.warehouse.forecasts.list_lines()
    if not lines or (signal is None and start is None and end is None):
        return
    spans = ", ".join(f"{line.signal} from {line.first} to {line.last}" for line in lines)
    asked = [f"of {signal}" if signal else "", f"from {start}" if start else ""]
    asked.append(f"to {end}" if end else "")
    raise ConfigurationError(
        f"the ledger has no row {' '.join(filter(None, asked))}",
        remedy=f"It holds {spans}.",
    )


def print_quality(
    symbol: str | None, start: date | None, end: date | None, *, as_json: bool
) -> None:
    """Print the missing-data line of a symbol's factors, and what the gate has found in its bars.

    Raises `ConfigurationError` where no bar of the range is held.
    """
    with open_warehouse() as (config, ports):
        universe = find_signal(config).universe
        symbol = universe.symbol_of(symbol or universe.target)
        extent = _require_extent(ports, symbol, universe.channels)
        bars = ports.warehouse.bars.load_bars([symbol], start or extent[0], end or extent[1])
        found = describe_findings(ports.warehouse.findings, symbol)
    if bars.empty:
        raise ConfigurationError(
            f"no bars of {symbol} from {start or extent[0]} to {end or extent[1]}",
            remedy=f"Bars are held from {extent[0]} to {extent[1]}.",
        )
    report = report_missing(bars)
    first, last = bars["session"].iloc[0].date(), bars["session"].iloc[-1].date()
    if as_json:
        span = {"symbol": symbol, "start": first.isoformat(), "end": last.isoformat()}
        write_json({**span, **_missing_values(report), **found})
        return
    print(f"{symbol} {first} to {last}: {report.line}")
    for factor in CATALOGUE:
        print(f"  {factor.name:<18} {report.explanations[factor.name]}")
    print_findings(found)


def report_missing(bars: pd.DataFrame) -> MissingReport:
    """Return the missing cells of the factors that follow from `bars` of one symbol alone."""
    lookbacks = {factor.name: factor.lookback for factor in CATALOGUE}
    return count_missing(compute_factors(bars), lookbacks)


def _require_extent(ports: Ports, symbol: str, channels: Sequence[str]) -> tuple[date, date]:
    """Return the first and the last session held of `symbol`, or say what there is instead."""
    extent = ports.warehouse.bars.load_extent(symbol)
    if extent is not None:
        return extent
    held = [name for name in channels if ports.warehouse.bars.load_extent(name)]
    raise ConfigurationError(
        f"the warehouse holds no bars of {symbol}",
        remedy=(f"It holds {', '.join(held)}. " if held else "")
        + "Load its history: factorprism backfill.",
    )


def _missing_values(report: MissingReport) -> dict[str, Any]:
    return {
        "missing": report.missing,
        "cells": report.cells,
        "ratio": report.ratio,
        "line": report.line,
        "per_factor": dict(report.per_factor),
    }


def session_forecasts(run: Run) -> list[Forecast]:
    """Return the ledger's rows of the run's signal and session."""
    ledger = run.ports.warehouse.forecasts
    return ledger.load_forecasts(run.signal.name, run.session, run.session)


def is_issued(rows: list[Forecast]) -> bool:
    """Tell whether one of a session's rows is a forecast; it may follow withheld ones."""
    return any(row.state is ForecastState.ISSUED for row in rows)


def note_source_end(run: Run) -> None:
    """Say where the source ends, for a session that it cannot have yet."""
    latest = latest_session(run.signal, run.ports)
    if run.session > latest:
        say(f"note: the source ends at {latest}")
