"""A vendor with a clock, two channels whose history ends with the last session, and a scheduler.

The clock is shortened by the settings alone: the hour of publication is some minutes ago, so that a
row that is written now is late, and patience ends when the test says.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_for
from factorprism.core.config import load_config
from factorprism.core.roles import WRITER
from factorprism.core.sessions import utc_now
from factorprism.core.signals import find_signal
from factorprism.health.patience import find_wait
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.services import EmbeddedAirflow
from factorprism.sources import SampleSource
from protocol.receivers import Webhook
from protocol.tushare_server import TushareServer
from protocol.vendor import table_of, write_tables
from worlds import Recipe, World, crown

TARGET, OVERLAY = "000300.SH", "000905.SH"
SHANGHAI = ZoneInfo("Asia/Shanghai")
N_SESSIONS = 1000
# A run takes 15 minutes from publication and a row is late 30 minutes later, so this one is; and
# the timetable still plans the run, as it does for an hour.
PUBLISHED_AGO = timedelta(minutes=47)

# The evening's own DAG under a name and settings of its own, which its tasks read anew each.
DAG_FILE = """
# an airflow DAG of the test
import json, os
from pathlib import Path
os.environ.update(json.loads(Path({settings!r}).read_text()))
source = Path({dag!r}).read_text().replace('signal.daily_dag,', '"{dag_id}",', 1)
exec(compile(source, {dag!r}, "exec"))
"""


def last_session(calendar: TradingCalendar) -> date:
    """Return the last session that had closed by the shortened hour of publication."""
    published = (datetime.now(UTC) - PUBLISHED_AGO).replace(tzinfo=None)
    closed = calendar.close_times < np.datetime64(published - timedelta(minutes=1))
    session: date = calendar.session_days[closed][-1].astype(date)
    return session


def published_ago(session: date) -> str:
    """Return the hour of publication by which bars of `session` were due `PUBLISHED_AGO`."""
    local = datetime.now(SHANGHAI) - PUBLISHED_AGO
    return f"{local:%H:%M:%S}+{(local.date() - session).days}"


def clock_in(seconds: float) -> str:
    """Return Shanghai's clock in so many seconds."""
    return f"{datetime.now(SHANGHAI) + timedelta(seconds=seconds):%H:%M:%S}"


@dataclass(frozen=True)
class Evening:
    """One world of its own: settings, vendor, receiver of messages, and a DAG."""

    dag_id: str
    environ: dict[str, str]
    session: date
    settings: Path
    vendor: Any
    webhook: Any

    def write_dag(self, source: Path, folder: Path) -> None:
        """Put the DAG into `folder`; from now on the bars have been due for `PUBLISHED_AGO`."""
        self.set(FACTORPRISM_PUBLISHED_AT_XSHG=published_ago(self.session))
        settings = str(self.settings)
        file = DAG_FILE.format(settings=settings, dag=str(source), dag_id=self.dag_id)
        (folder / f"{self.dag_id}.py").write_text(file)

    def clock_in(self, seconds: float) -> str:
        return clock_in(seconds)

    def set(self, **changes: str) -> None:
        """Change settings; the tasks that start from now on read them."""
        self.environ.update(changes)
        written = self.settings.with_suffix(".new")
        written.write_text(json.dumps(self.environ))
        written.replace(self.settings)

    def rows(self) -> list[Any]:
        with open_ports(load_config(self.environ)) as ports:
            return ports.warehouse.forecasts.load_forecasts()

    def waits(self) -> str:
        """Return what a watchdog from outside hears of the session's run now."""
        config = load_config(self.environ)
        with open_ports(config) as ports:
            return find_wait(config, find_signal(config), ports.warehouse, self.session, utc_now())

    def open_alerts(self) -> list[str]:
        """Return the open alerts, but for the calendar's end, which may be near on any day."""
        with open_ports(load_config(self.environ)) as ports:
            keys = [alert.key for alert in ports.warehouse.alerts.list_open_alerts()]
        return [key for key in keys if not key.startswith("horizon ")]

    def messages(self) -> list[Any]:
        """Return what was reported at once; the digest tells of the calendar's end."""
        return [one for one in self.webhook.messages if ": digest of " not in one.title]


@pytest.fixture(scope="module")
def session() -> date:
    return last_session(calendar_for("XSHG"))


def make_history(bars: pd.DataFrame, skipped: int, days: Any) -> pd.DataFrame:
    """Return real bars, the last `skipped` left out, under the days of the last sessions."""
    kept = bars.iloc[: len(bars) - skipped].tail(len(days)).reset_index(drop=True)
    return table_of(kept).assign(trade_date=days.astype(str))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, session: date) -> Path:
    folder = tmp_path_factory.mktemp("served")
    calendar = calendar_for("XSHG")
    through = calendar.session_days[calendar.session_days <= np.datetime64(session)]
    days = through[-N_SESSIONS:]
    (pull,) = SampleSource().fetch_bars([TARGET], date(2006, 1, 6), date(2025, 12, 31))
    skipped = {TARGET: 0, OVERLAY: 1000}
    write_tables(folder, {name: make_history(pull.bars, skipped[name], days) for name in skipped})
    return folder


def make_environ(home: Path, warehouse_url: str, vendor: Any, session: date) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    (home / "universes.toml").write_text(f'[pair]\ntarget = "{TARGET}"\noverlays = ["{OVERLAY}"]\n')
    return {
        "FACTORPRISM_HOME": str(home),
        "FACTORPRISM_WAREHOUSE_URL": warehouse_url,
        "FACTORPRISM_TRACKING_URL": f"sqlite:///{home / 'mlflow.db'}",
        "FACTORPRISM_SOURCE": "tushare",
        "TUSHARE_TOKEN": vendor.token,
        "FACTORPRISM_TUSHARE_URL": vendor.url,
        "FACTORPRISM_UNIVERSE": "pair",
        "FACTORPRISM_MODEL": "inception_tiny",
        "FACTORPRISM_EPOCHS": "1",
        "FACTORPRISM_THREADS": "1",
        "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
        "FACTORPRISM_CONTEST_FOLDS": "1",
        "FACTORPRISM_PUBLISHED_AT_XSHG": published_ago(session),
        "FACTORPRISM_PATIENCE_UNTIL": clock_in(3600),
        # A check is a process of its own, which costs seconds of the processor.
        "FACTORPRISM_ASK_AGAIN_SECONDS": "5",
    }


@pytest.fixture(scope="module")
def champion(open_world: Callable[[Recipe], World], served: Path, session: date) -> World:
    """A world with history and a champion of it as of the session before."""
    before = calendar_for("XSHG").offset(session, -1)

    def build(home: Path, url: str) -> None:
        with TushareServer(served) as vendor:
            config = load_config(make_environ(home, url, vendor, session))
            with open_ports(config) as ports:
                run = Run(before, find_signal(config), config, ports)
                first = pd.read_csv(served / f"{TARGET}.csv")["trade_date"].iloc[0]
                run_pipeline("backfill", run, {"first": first, "last": before.isoformat()})
                crown(run)

    # Its history ends today, so that it is of no use tomorrow.
    return open_world(Recipe(f"pair-{session}", build))


@pytest.fixture(scope="module")
def make_evening(
    postgres: Any,
    served: Path,
    champion: World,
    session: date,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Evening]]:
    """Make an evening with a vendor and a warehouse of its own."""
    opened: list[Any] = []

    def make(dag_id: str) -> Evening:
        vendor, webhook = TushareServer(served), Webhook()
        opened.extend([vendor.__enter__(), webhook.__enter__()])
        home = tmp_path_factory.mktemp(dag_id)
        champion.copy_home(home)
        url = postgres.as_role(postgres.new_database(champion.database), WRITER)
        environ = make_environ(home, url, vendor, session)
        environ["FACTORPRISM_ALERTS_URL"] = webhook.url
        return Evening(dag_id, environ, session, home / "settings.json", vendor, webhook)

    yield make
    for server in reversed(opened):
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def evenings(
    make_evening: Callable[[str], Evening],
    airflow_metadata: Callable[[Path], str],
    repository_root: Path,
) -> Iterator[tuple[EmbeddedAirflow, dict[str, Evening]]]:
    """A real Airflow with the DAGs of two evenings: one comes late, of one a bar never comes."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-evening-"))
    (home / "repository/dags").mkdir(parents=True)
    (home / "repository/plugins").symlink_to(repository_root / "plugins")
    shutil.copy(repository_root / "dags/pools.json", home / "repository/dags")
    made = {name: make_evening(name) for name in ("late", "never")}
    environ = os.environ | {
        # The scheduler plans for the vendor: of the sample, whose data end, it would plan no run.
        **{name: made["late"].environ[name] for name in ("FACTORPRISM_SOURCE", "TUSHARE_TOKEN")},
        "FACTORPRISM_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",  # new files are seen so soon
    }
    airflow = EmbeddedAirflow(home, airflow_metadata(home), environ, home / "repository")
    try:
        airflow.start()
        for evening in made.values():
            evening.write_dag(repository_root / "dags/daily_forecast.py", home / "repository/dags")
        yield airflow, made
    finally:
        airflow.stop()
        shutil.rmtree(home, ignore_errors=True)
