"""The commands of ``factorprism``, each a few lines; errors become one or two plain lines."""

from __future__ import annotations

import logging
import os
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from factorprism.core.errors import FactorPrismError, remedy_of

app = typer.Typer(
    name="factorprism",
    help="Index factors as images, read every trading evening; forecasts in an honest ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
services_app = typer.Typer(
    help="The embedded PostgreSQL and Airflow.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(services_app, name="services")
models_app = typer.Typer(
    help="The trained models, and who of them forecasts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models_app, name="models")
files_app = typer.Typer(
    help="A folder of files as the source of bars.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(files_app, name="files")
signals_app = typer.Typer(
    help="What is forecast: a universe, a question, a horizon.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(signals_app, name="signals")
universes_app = typer.Typer(
    help="Which symbols are forecast, and what is laid over them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(universes_app, name="universes")
ledger_app = typer.Typer(
    help="The ledger of forecasts, and whether it is as it was written.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(ledger_app, name="ledger")
quality_app = typer.Typer(help="What the gate has found.", rich_markup_mode=None)
app.add_typer(quality_app, name="quality")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TableOrJson(StrEnum):
    TABLE = "table"
    JSON = "json"


class TextOrJson(StrEnum):
    TEXT = "text"
    JSON = "json"


class Mode(StrEnum):
    AUTO = "auto"
    FINE_TUNE = "fine_tune"
    RETRAIN = "retrain"


class ContestScale(StrEnum):
    QUICK = "quick"
    NIGHT = "night"
    FULL = "full"


class Drawing(StrEnum):
    IMAGE = "image"
    ATTRIBUTION = "attribution"
    SHARES = "shares"
    NEIGHBOURS = "neighbours"
    TRAINING = "training"
    CONTEST = "contest"
    BACKTEST = "backtest"
    RELIABILITY = "reliability"


Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]
Signal = Annotated[
    str, typer.Option("--signal", metavar="NAME", help="A signal; the default one if not given.")
]


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all logs.")] = False,
) -> None:
    from factorprism.telemetry import make_formatter, secrets_of

    # Read by hand: a setting that cannot be used is the command's own to refuse, in its words.
    form = "json" if os.environ.get("FACTORPRISM_LOG_FORMAT", "").strip() == "json" else "text"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(make_formatter(form, secrets_of(os.environ)))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])


@app.command()
def run(
    airflow: Annotated[
        bool, typer.Option("--airflow/--no-airflow", help="In Airflow, or in this process alone.")
    ] = True,
    target: Annotated[
        str, typer.Option(help="The symbol that is forecast, of those that FACTORPRISM_FILES has.")
    ] = "",
    exchange: Annotated[
        str, typer.Option(help="Where it trades, if its code does not say it: XNYS for AAPL.")
    ] = "",
) -> None:
    """Set everything up and make the forecast of the source's latest session."""
    from factorprism.cli.first_run import run_everything

    raise typer.Exit(run_everything(airflow=airflow, target=target, exchange=exchange))


@app.command()
def daily(
    session: Day = None,
    signal: Signal = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the row; leave no row, picture or message.")
    ] = False,
) -> None:
    """Run the evening's pipeline for a session (the source's latest without --session)."""
    from factorprism.cli.commands import run_daily

    raise typer.Exit(run_daily(_to_date(session), signal, dry=dry_run))


@app.command()
def train(
    mode: Mode = Mode.AUTO,
    contest: Annotated[
        ContestScale,
        typer.Option(
            help="night: as much as fits FACTORPRISM_CONTEST_HOURS here; full: all of it."
        ),
    ] = ContestScale.QUICK,
    session: Day = None,
    signal: Signal = "",
) -> None:
    """Hold the contest, train a candidate, evaluate it against the champion, promote or keep."""
    from factorprism.cli.commands import run_training

    run_training(_to_date(session), signal, mode.value, contest.value)


@app.command()
def contest(
    session: Day = None,
    signal: Signal = "",
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write it there, with its pictures.")
    ] = None,
) -> None:
    """Print the contest's report (the newest without --session): who has shown skill, if anyone."""
    from factorprism.cli.commands import print_contest

    print_contest(_to_date(session), signal, as_json=format_ is TableOrJson.JSON, out=out)


@app.command()
def backfill(
    start: Day = None,
    end: Day = None,
    symbol: Annotated[list[str] | None, typer.Option(help="A symbol; repeat for more.")] = None,
    signal: Signal = "",
) -> None:
    """Load a range of sessions (all that the source has without dates); go on where it was cut."""
    from factorprism.cli.commands import run_backfill

    if start and end and end < start:
        raise typer.BadParameter(f"--end {end:%Y-%m-%d} lies before --start {start:%Y-%m-%d}")
    run_backfill(_to_date(start), _to_date(end), symbol or [], signal)


@app.command()
def settle(session: Day = None, signal: Signal = "") -> None:
    """Write the outcomes of all forecasts whose horizon has passed."""
    from factorprism.cli.commands import run_settlement

    run_settlement(_to_date(session), signal)


@app.command()
def forecasts(
    format_: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    signal: Annotated[
        str | None, typer.Option("--signal", metavar="NAME", help="Only this signal.")
    ] = None,
    start: Day = None,
    end: Day = None,
) -> None:
    """Print the ledger."""
    from factorprism.cli.commands import print_forecasts

    print_forecasts(format_.value, signal, _to_date(start), _to_date(end))


@app.command()
def explain(
    session: Day = None,
    signal: Signal = "",
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print the attribution of a session's forecast (without --session the newest explained)."""
    from factorprism.cli.explaining import print_explanations

    print_explanations(_to_date(session), signal, as_json=format_ is TableOrJson.JSON)


@app.command()
def draw(
    drawing: Annotated[Drawing, typer.Argument(help="What is drawn.")],
    session: Day = None,
    signal: Signal = "",
    model: Annotated[
        str, typer.Option(help="A model; for reliability an entrant of the contest.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes; else below the home.")
    ] = None,
) -> None:
    """Draw a picture as PNG from what the warehouse holds, and print where it lies.

    image, attribution, shares and neighbours are of one forecast (the newest without --session),
    training is of one model, contest, backtest and reliability are of one contest.
    """
    from factorprism.cli.drawing import draw_picture

    print(draw_picture(drawing.value, _to_date(session), signal, model, out))


@quality_app.callback(invoke_without_command=True)
def quality(
    context: typer.Context,
    symbol: Annotated[str | None, typer.Option(help="The universe's target if not given.")] = None,
    start: Day = None,
    end: Day = None,
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print the missing-data line of a symbol's factors, and what the gate has found in its bars.

    The factors are computed from these sessions alone.
    """
    from factorprism.cli.commands import print_quality

    if context.invoked_subcommand is None:
        as_json = format_ is TableOrJson.JSON
        print_quality(symbol, _to_date(start), _to_date(end), as_json=as_json)


@quality_app.command("accept")
def quality_accept(
    finding: Annotated[str, typer.Argument(help="The finding's name, as `quality` prints it.")],
    because: Annotated[str, typer.Option(help="Why it is no fault, in one sentence.")],
) -> None:
    """Accept a critical finding for good, with your name: the next run lets its bars pass."""
    from factorprism.cli.findings import accept

    accept(finding, because)


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="An experiment, or list.")] = "list",
    quick: Annotated[
        bool, typer.Option("--quick", help="A size that shows that it runs, no more.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where tables and pictures go.")] = None,
    signal: Signal = "",
) -> None:
    """Repeat an experiment of the original studies; without a name, list them."""
    from factorprism.cli.experiments import print_experiments, run_experiment

    if name == "list":
        print_experiments()
    else:
        run_experiment(name, signal, quick=quick, out=out)


@app.command()
def housekeeping(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what may go; write and remove nothing.")
    ] = False,
) -> None:
    """Back the warehouse up, remove what the policy lets go of, look for orphans."""
    from factorprism.cli.housekeeping import keep_house

    keep_house(dry_run=dry_run)


@app.command()
def backup() -> None:
    """Write a verified dump of the warehouse; the oldest ones beyond the limit go."""
    from factorprism.cli.housekeeping import write_backup

    write_backup()


@app.command()
def restore(
    file: Path,
    into: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database.")],
) -> None:
    """Restore a dump into an empty database; the warehouse in use stays as it is."""
    from factorprism.cli.housekeeping import restore_backup

    restore_backup(file, into)


@app.command()
def doctor() -> None:
    """Check the installation and say what to fix."""
    from factorprism.cli.health import print_examination

    raise typer.Exit(print_examination())


@app.command("config")
def show_config(
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """List every setting: its value, its default and its variable; secrets are masked."""
    from factorprism.cli.settings import print_settings

    raise typer.Exit(print_settings(as_json=format_ is TableOrJson.JSON))


@app.command()
def healthcheck(
    format_: Annotated[TextOrJson, typer.Option("--format")] = TextOrJson.TEXT,
) -> None:
    """Say within seconds whether all is healthy: 0 healthy, 1 unhealthy; for cron and watchdogs."""
    from factorprism.cli.health import print_health

    raise typer.Exit(print_health(as_json=format_ is TextOrJson.JSON))


@app.command()
def watch(session: Day = None, signal: Signal = "") -> None:
    """Check what no step notices by failing, and send the messages that are still to be sent."""
    from factorprism.cli.commands import run_watch

    run_watch(_to_date(session), signal)


@models_app.command("list")
def models_list(
    signal: Signal = "",
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print all models of the signal: champion, challenger, and whether any has shown skill."""
    from factorprism.cli.models import print_list

    print_list(signal, as_json=format_ is TableOrJson.JSON)


@models_app.command("show")
def models_show(
    model: str,
    signal: Signal = "",
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print everything about one model, and whether its files are unaltered."""
    from factorprism.cli.models import print_model

    raise typer.Exit(print_model(model, signal, as_json=format_ is TableOrJson.JSON))


@models_app.command("promote")
def models_promote(
    model: str,
    reason: Annotated[str, typer.Option(help="Why, in one sentence, for the ledger.")],
    session: Day = None,
    signal: Signal = "",
) -> None:
    """Make a model champion by hand, as of a session (the source's latest without --session)."""
    from factorprism.cli.models import promote_by_hand

    promote_by_hand(model, reason, _to_date(session), signal)


@models_app.command("rollback")
def models_rollback(
    model: Annotated[str, typer.Argument(help="A former champion; else the one before.")] = "",
    reason: Annotated[str, typer.Option(help="Why, in one sentence, for the ledger.")] = "",
    session: Day = None,
    signal: Signal = "",
) -> None:
    """Make the champion before champion again; a second rollback goes back one further."""
    from factorprism.cli.models import roll_back_by_hand

    roll_back_by_hand(model, reason, _to_date(session), signal)


@models_app.command("compare")
def models_compare(
    first: str,
    second: str,
    session: Day = None,
    signal: Signal = "",
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Hold two models against each other on sessions that neither has read; decides nothing."""
    from factorprism.cli.models import print_contest_of_two

    print_contest_of_two(
        first, second, _to_date(session), signal, as_json=format_ is TableOrJson.JSON
    )


@signals_app.command("list")
def signals_list(
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print all signals that are defined: those that are issued first."""
    from factorprism.cli.signals import print_signals

    print_signals(as_json=format_ is TableOrJson.JSON)


@signals_app.command("add")
def signals_add(
    name: str,
    universe: Annotated[str | None, typer.Option(help="A universe by its name.")] = None,
    target: Annotated[str | None, typer.Option(help="What is asked, such as volatility.")] = None,
    horizon: Annotated[int | None, typer.Option(help="Sessions ahead.")] = None,
    lookback: Annotated[int | None, typer.Option(help="Sessions in an image.")] = None,
    model: Annotated[str | None, typer.Option(help="The network that is trained.")] = None,
) -> None:
    """Issue a signal from now on; a built-in one needs no option."""
    from factorprism.cli.signals import add_own

    given = {
        "universe": universe,
        "target": target,
        "horizon": horizon,
        "lookback": lookback,
        "model": model,
    }
    add_own(name, {key: value for key, value in given.items() if value is not None})


@signals_app.command("retire")
def signals_retire(name: str) -> None:
    """Forecast a signal no more; its rows stay in the ledger."""
    from factorprism.cli.signals import retire

    retire(name)


@files_app.command("check")
def files_check(
    folder: Path, format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE
) -> None:
    """Say of each file in FOLDER what it is taken for and whether it loads; writes nothing."""
    from factorprism.cli.files import check_files

    raise typer.Exit(check_files(folder, as_json=format_ is TableOrJson.JSON))


@universes_app.command("list")
def universes_list(
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Print all universes, the built-in ones and your own: target, overlays and exchange."""
    from factorprism.cli.universes import print_universes

    print_universes(as_json=format_ is TableOrJson.JSON)


@universes_app.command("add")
def universes_add(
    name: str,
    target: Annotated[str, typer.Option(help="The symbol that is forecast, such as 0700.HK.")],
    overlay: Annotated[
        list[str] | None, typer.Option(help="A symbol laid over it; repeat for more.")
    ] = None,
    exchange: Annotated[
        str, typer.Option(help="Where symbols trade that do not say it: XNYS for AAPL.")
    ] = "",
) -> None:
    """Add a universe of your own to universes.toml in FACTORPRISM_HOME."""
    from factorprism.cli.universes import add_own

    add_own(name, target, overlay or [], exchange)


@ledger_app.command("verify")
def ledger_verify(
    signal: Annotated[str | None, typer.Option(help="One signal; all of them without.")] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="SIGNAL:POSITION:HASH", help="A head kept elsewhere; repeatable."),
    ] = None,
    format_: Annotated[TextOrJson, typer.Option("--format")] = TextOrJson.TEXT,
) -> None:
    """Walk the chain of every signal, and name the first row that does not fit."""
    from factorprism.cli.ledger import verify_ledger

    as_json = format_ is TextOrJson.JSON
    raise typer.Exit(verify_ledger(signal, expect or [], as_json=as_json))


@services_app.command("start")
def services_start(
    only_warehouse: Annotated[
        bool, typer.Option("--only-warehouse", help="PostgreSQL without Airflow.")
    ] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="MLflow's pages too.")] = False,
) -> None:
    """Start PostgreSQL and Airflow, and say how to open the UI."""
    from factorprism.cli.embedded import start_services

    start_services(only_warehouse=only_warehouse, mlflow=mlflow)


@services_app.command("stop")
def services_stop() -> None:
    """Stop whatever of the embedded services is running."""
    from factorprism.cli.embedded import stop_services

    stop_services()


@services_app.command("status")
def services_status(
    format_: Annotated[TableOrJson, typer.Option("--format")] = TableOrJson.TABLE,
) -> None:
    """Say what is running."""
    from factorprism.cli.embedded import print_status

    print_status(as_json=format_ is TableOrJson.JSON)


@services_app.command("url")
def services_url() -> None:
    """Print the warehouse's PostgreSQL URL alone."""
    from factorprism.cli.embedded import warehouse_url

    print(warehouse_url())


def main() -> None:
    """Run the command line and exit with its code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        app()
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(1)
    except FactorPrismError as error:
        _explain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        if isinstance(error, OSError) and (remedy := remedy_of(error)):
            where = f": {error.filename}" if error.filename else ""
            _explain(FactorPrismError(f"{error.strerror}{where}", remedy=remedy))
            sys.exit(1)
        print(f"factorprism: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print("Run the command with --debug before its name for the traceback.", file=sys.stderr)
        sys.exit(1)


def _explain(error: FactorPrismError) -> None:
    if "--debug" in sys.argv:
        raise error
    print(f"factorprism: {error.message}", file=sys.stderr)
    if error.remedy:
        print(error.remedy, file=sys.stderr)


def _to_date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
