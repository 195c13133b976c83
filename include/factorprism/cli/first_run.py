"""Everything in one command: services, history, a champion, and the day's run."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from datetime import date

from factorprism.cli.commands import (
    forecast_session,
    is_issued,
    report_missing,
    session_forecasts,
)
from factorprism.cli.context import latest_session, open_warehouse
from factorprism.cli.drawing import draw_of
from factorprism.cli.embedded import how_to_open, say, start_airflow
from factorprism.cli.file_universe import settle_universe
from factorprism.cli.loading import load_history
from factorprism.cli.tables import write_table
from factorprism.cli.timings import Timings
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, ServiceError
from factorprism.core.ledger import Forecast
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, run_pipeline
from factorprism.pipelines.champions import champion_at
from factorprism.pipelines.factors import compute_factors
from factorprism.telemetry import make_formatter, secrets_of
from factorprism.views import NotHeld


def run_everything(*, airflow: bool = True, target: str = "", exchange: str = "") -> int:
    """Run all steps, each a line with its time; 0 issued, 3 withheld.

    Without `airflow` the day's steps run in this process, and nothing of Airflow is started.
    `target` and `exchange` say which symbol of a folder of files is forecast.
    """
    timings = Timings()
    settle_universe(os.environ, target, exchange)  # refused before anything is started
    with timings.part("warehouse", "warehouse: PostgreSQL started, schema current"):
        opened = open_warehouse()
        config, ports = opened.__enter__()
    try:
        log = _log_to_file(config)
        signal = find_signal(config)
        session = latest_session(signal, ports)
        run = Run(session, signal, config, ports, lambda line: say(f"    {line}"))
        say(f"source {config.source}, signal {signal.name}, session {session}")
        _load_history(run, timings)
        _train_first_champion(run, timings)
        rows = _run_in_airflow(run, timings) if airflow else forecast_session(run, timings)
        _print_results(run, rows)
        if airflow:
            print(how_to_open(config))
        say("\n".join(timings.lines()))
        say(f"log: {log}")
        return 0 if is_issued(rows) else 3
    finally:
        opened.__exit__(None, None, None)


def _log_to_file(config: Config) -> str:
    config.logs_folder.mkdir(parents=True, exist_ok=True)
    path = config.logs_folder / "run.log"
    handler = logging.FileHandler(path)
    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(make_formatter(config.log_format, secrets_of(os.environ), line))
    logging.getLogger().addHandler(handler)
    logging.getLogger("factorprism").setLevel(logging.INFO)
    return str(path)


def _load_history(run: Run, timings: Timings) -> None:
    if not load_history(run, timings):
        with timings.part("history", "history: held already"):
            compute_factors(run, {})


def _train_first_champion(run: Run, timings: Timings) -> None:
    champion = champion_at(run, run.session)
    if champion is not None:
        say(f"{0.0:6.1f} s  champion: {champion} is in force")
        return
    with timings.whole("champion: trained, evaluated and promoted"):
        run_pipeline("weekly", run, {"mode": "retrain"}, on_step=timings.steps("weekly"))


def _run_in_airflow(run: Run, timings: Timings) -> list[Forecast]:
    """Run the daily DAG for the session in the real scheduler; a run that succeeded stays."""
    with timings.part("airflow", "airflow: scheduler and UI are up"):
        airflow = start_airflow(run.config)
    run_id, dag = f"session-{run.session}", run.signal.daily_dag
    runs = airflow.runs(say)
    # The weekly contest is on from now on; it sizes itself for this machine.
    runs.await_dag(run.signal.weekly_dag)
    runs.unpause(run.signal.weekly_dag)
    if runs.run_state(dag, run_id) == "success" and session_forecasts(run):
        say(f"{0.0:6.1f} s  {dag}: its run for {run.session} has succeeded already")
        return session_forecasts(run)

    def tell_task(task: str, state: str, seconds: float) -> None:
        timings.add_elsewhere(f"daily {task}", seconds)
        say(f"    {seconds:6.1f} s  {task:<16} {state}")

    with timings.whole(f"{dag}: run for {run.session} ended"):
        conf = {"session": run.session.isoformat()}
        state = runs.run_dag(dag, run_id, conf, on_task=tell_task)
    rows = session_forecasts(run)
    if not rows:
        raise ServiceError(
            f"the {dag} run for {run.session} ended as {state} and left no row",
            remedy=f"See its log in the UI, or run: factorprism daily --session {run.session}",
        )
    return rows


def _print_results(run: Run, rows: list[Forecast]) -> None:
    write_table(rows)
    print(_missing_line(run))
    for name, drawing in (("factor image", "image"), ("explanation", "attribution")):
        # What was withheld may have neither.
        with suppress(ConfigurationError, NotHeld):
            print(f"{name:<12}  {draw_of(run, drawing)}")
    print(f"data docs     {run.config.docs_folder / 'index.html'}")
    champion = champion_at(run, run.session)
    if champion:
        print(f"model         {run.ports.registry.fetch_bundle(champion)}")


def _missing_line(run: Run) -> str:
    target = run.universe.target
    extent = run.ports.warehouse.bars.load_extent(target)
    first: date = extent[0] if extent else run.session
    bars = run.ports.warehouse.bars.load_bars([target], first, run.session)
    return f"{target} {first} to {run.session}: {report_missing(bars).line}"
