"""What `watch` looks at: age, drift and skill of the champion, revisions, the calendar, disks."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd

from factorprism.alerts import catalogue, kind_of
from factorprism.core.calendar import calendar_of
from factorprism.core.schemas import Forecast, ModelRecord
from factorprism.core.sessions import utc_now
from factorprism.core.words import count
from factorprism.evaluation.drift import RECENT_SESSIONS, measure_drift
from factorprism.evaluation.matured import find_estimate, measure_matured_loss
from factorprism.factors import bars_needed_from
from factorprism.pipelines._run import Run
from factorprism.pipelines.champions import champion_at
from factorprism.pipelines.history import align_history
from factorprism.pipelines.refreshing import hold_out_issued

LEAST_HORIZON_SESSIONS = 30
FREE_BYTES_MIN = 2_000_000_000
# Older revisions were looked at on the evenings since.
REVISED_WITHIN = timedelta(days=7)
NAMED_SESSIONS = 3


@dataclass(frozen=True)
class Finding:
    """What one look came to: whether the alert of `key` is to be open, or an event's sentence."""

    key: str
    sentence: str
    fault: bool = True
    severity: str = "warning"

    @property
    def lasts(self) -> bool:
        return kind_of(self.key).lasts


Look = Callable[[Run], Iterator[Finding]]


def look_at_age(run: Run) -> Iterator[Finding]:
    """Count the sessions since the last that the champion has learned from."""
    if record := _champion(run):
        age = len(run.calendar.sessions(record.trained_through, run.session)) - 1
        limit = run.config.champion_max_age_sessions
        sentence = f"{record.model_id} has learned nothing for {age} sessions, the limit is {limit}"
        yield Finding(_key(catalogue.CHAMPION, run), sentence, age > limit)


def look_at_drift(run: Run) -> Iterator[Finding]:
    """Hold the factors of late against those that the champion was trained on."""
    record = _champion(run)
    if record is None or run.calendar.is_expected(run.session):
        return  # of a session that is only expected there are no factors
    last = record.spec.get("last_training_session", record.trained_through.isoformat())
    trained_to = date.fromisoformat(str(last))
    if len(run.calendar.sessions(trained_to, run.session)) <= RECENT_SESSIONS // 2:
        return  # what is recent would be what it was trained on
    drift = measure_drift(align_history(run), record.trained_from, trained_to)
    yield Finding(_key(catalogue.DRIFT, run), drift.sentence, bool(drift.drifted))


def look_at_skill(run: Run) -> Iterator[Finding]:
    """Hold the champion's matured forecasts against the reference, with their interval."""
    record = _champion(run)
    if record is None:
        return
    warehouse = run.ports.warehouse
    held = warehouse.forecasts.load_outcomes(record.signal, record.target)
    own = held["model_id"] == record.model_id
    held = held[own & (held["horizon_end"] <= np.datetime64(run.session, "us"))]
    loss = measure_matured_loss(
        hold_out_issued(held, run.calendar.session_days, run.target),
        find_estimate(warehouse.models.load_evaluations(record.model_id), run.target),
        run.target,
        horizon=record.horizon,
        seed=run.config.seed,
    )
    sentence = f"{record.model_id}: {loss.sentence}"
    yield Finding(_key(catalogue.SKILL, run), sentence, loss.gain.upper < 0.0)


def look_at_calendar(run: Run) -> Iterator[Finding]:
    """Count the sessions that the calendar still knows, for each exchange of the universe."""
    calendars = [calendar_of(symbol) for symbol in run.universe.channels]
    for calendar in {calendar.exchange: calendar for calendar in calendars}.values():
        left = calendar.count_ahead(run.session)
        sentence = (
            f"the calendar is known to {calendar.known_through}, {count(left, 'session')} after "
            f"{run.session}; later ends of horizons are expected"
        )
        key = catalogue.HORIZON.key(exchange=calendar.exchange)
        yield Finding(key, sentence, left < LEAST_HORIZON_SESSIONS, severity="info")


def look_at_revisions(run: Run) -> Iterator[Finding]:
    """Name the past bars that the source has changed of late, and the forecasts they stand in."""
    since = utc_now() - REVISED_WITHIN
    for symbol in run.universe.channels:
        found = run.ports.warehouse.bars.load_revisions(symbol, date(1990, 1, 1), run.session)
        for pull, revised in found[found["revised_at"] >= since].groupby("pull_id"):
            key = catalogue.REVISED.key(symbol=symbol, pull=f"(pull {pull})")
            yield Finding(key, _describe_revisions(run, symbol, revised))


def look_at_disks(run: Run) -> Iterator[Finding]:
    """Ask how much room is left where this process writes."""
    for name, folder in local_folders(run).items():
        free = shutil.disk_usage(folder).free
        sentence = f"{free / 1e9:.1f} GB are free under {folder}"
        key = catalogue.DISK.key(place=f"{socket.gethostname()} {name}")
        yield Finding(key, sentence, free < FREE_BYTES_MIN)


def local_folders(run: Run) -> dict[str, Path]:
    """Return the folders on this machine's disks that are there, by what they are for."""
    folders = {"home": run.config.home}
    artefacts = urlsplit(run.config.artefacts_url)
    if artefacts.scheme in ("", "file"):
        folders["artefacts"] = Path(unquote(artefacts.path))
    return {name: folder for name, folder in folders.items() if folder.is_dir()}


LOOKS: tuple[Look, ...] = (
    look_at_disks,
    look_at_calendar,
    look_at_revisions,
    look_at_age,
    look_at_skill,
    look_at_drift,
)


def _champion(run: Run) -> ModelRecord | None:
    champion = champion_at(run, run.session)
    return run.ports.warehouse.models.load_model(champion) if champion else None


def _key(kind: catalogue.Kind, run: Run) -> str:
    return kind.key(signal=run.signal.name)


def _describe_revisions(run: Run, symbol: str, revised: pd.DataFrame) -> str:
    sessions = sorted(set(revised["session"].dt.date))
    moment: datetime = revised["revised_at"].min().to_pydatetime()
    touched = [row.session for row in _issued_before(run, sessions[0], moment)]
    touched = [session for session in touched if _reads_any(run, symbol, session, sessions)]
    named = ", ".join(map(str, touched[-NAMED_SESSIONS:]))
    if len(touched) > NAMED_SESSIONS:
        named = f"{named} and {len(touched) - NAMED_SESSIONS} before"
    read = f"issued forecasts had read them: {named}" if touched else "no issued forecast read them"
    values = "value was" if len(revised) == 1 else "values were"
    span = str(sessions[0]) if len(sessions) == 1 else f"{sessions[0]} to {sessions[-1]}"
    return f"{symbol}: {len(revised)} {values} revised, of {span}; {read}"


def _issued_before(run: Run, first: date, moment: datetime) -> Iterator[Forecast]:
    rows = run.ports.warehouse.forecasts.load_forecasts(run.signal.name, first)
    for row in rows:
        early = row.created_at is not None and row.created_at < moment
        if row.issued and early:
            yield row


def _reads_any(run: Run, symbol: str, session: date, revised: list[date]) -> bool:
    """Tell whether the image of `session` rests on a bar of `symbol` of the days `revised`."""
    first = run.calendar.offset(session, 1 - run.signal.lookback)
    needed = bars_needed_from(first, calendar_of(symbol))
    return any(needed <= day <= session for day in revised)
