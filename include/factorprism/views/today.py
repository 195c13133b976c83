"""Today: every line's forecast of one session, how sure one may be of it, and what is amiss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from factorprism.core.alerts import Alert
from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastLine, Outcome
from factorprism.core.models import Evaluation, ModelRecord
from factorprism.evaluation import find_skill
from factorprism.evaluation.skill import INDEPENDENT
from factorprism.forecasts import find_horizon_end
from factorprism.health import Freshness
from factorprism.selection.promotion import find_champion
from factorprism.targets import Target, find_target
from factorprism.targets.headline import Headline, read_headline
from factorprism.views._hit_rate import HitRate, Matured, find_hit_rate
from factorprism.views._lines import (
    SessionSpan,
    final_rows,
    list_shown_lines,
    locate_session,
    require_held,
)
from factorprism.warehouse import PostgresWarehouse


@dataclass(frozen=True)
class Skill:
    """The figure by which skill is claimed, as `evaluation.skill` says it.

    `decisive` and `reference` are the target's words for the figure and for what it is held
    against. `verdict` is ``ahead``, ``worse``, ``open`` (the interval includes zero) or
    ``unevaluated``. The skill and its interval are fractions; `windows` is None where they were
    not counted.
    """

    decisive: str
    reference: str
    verdict: str
    value: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    n_sessions: int = 0
    windows: int | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Champion:
    """The model in force at the session, its skill on what was evaluated by then."""

    record: ModelRecord
    skill: Skill


@dataclass(frozen=True)
class Contest:
    """The first sentence of the last contest."""

    as_of: date
    sentence: str


@dataclass(frozen=True)
class LineToday:
    """One line at the session; `forecast` is None where the ledger has no row of it.

    `headline` is None where nothing was issued. `hit_rate` is None where the target forecasts no
    probability, and where too few forecasts like this one have matured.

    `freshness` says how old the line's newest forecast is by now. `ended` tells that the horizon
    of `forecast` has ended by now, whether or not there is an `outcome`.
    """

    line: ForecastLine
    target: Target
    forecast: Forecast | None
    headline: Headline | None
    hit_rate: HitRate | None
    champion: Champion | None
    contest: Contest | None
    outcome: Outcome | None
    freshness: Freshness
    ended: bool


@dataclass(frozen=True)
class Today(SessionSpan):
    """All lines at `session`, and the alerts that are open now."""

    lines: tuple[LineToday, ...]
    alerts: tuple[Alert, ...]


def read_today(
    warehouse: PostgresWarehouse,
    config: Config,
    session: date | None,
    freshness_of: Callable[[ForecastLine], Freshness],
) -> Today | None:
    """Return what stood in the ledger at `session`, by default the last one.

    Nothing matured, evaluated or decided after the session is used, but for what came of it;
    `freshness_of` tells how old a line's newest forecast is by now. None where the ledger is
    empty; raises `NotHeld` for a session that it does not hold.
    """
    sessions = warehouse.forecasts.list_sessions()
    lines = list_shown_lines(warehouse, config)
    if not sessions or not lines:
        return None
    shown = session or sessions[-1]
    require_held(shown, sessions, lines[0].symbol)
    rows = final_rows(warehouse.forecasts.load_forecasts(first=shown, last=shown))
    held = {row.signal: row for row in rows}
    return Today(
        **vars(locate_session(shown, sessions)),
        lines=tuple(
            _read_line(warehouse, line, held.get(line.signal), shown, freshness_of(line))
            for line in lines
            if line.first <= shown
        ),
        alerts=tuple(warehouse.alerts.list_open_alerts()),
    )


def _read_line(
    warehouse: PostgresWarehouse,
    line: ForecastLine,
    forecast: Forecast | None,
    session: date,
    freshness: Freshness,
) -> LineToday:
    champion = _read_champion(warehouse, line, session)
    contest = warehouse.contests.load_last_contest(line.signal, session)
    target = find_target(line.target)
    came = warehouse.forecasts.load_outcome(forecast) if forecast else None
    outcome = came[0] if came else None
    headline = read_headline(forecast, outcome)
    hit_rate = None
    if headline and target.probability:
        hit_rate = _read_hit_rate(warehouse, line, headline.forecast, champion, session)
    return LineToday(
        line=line,
        target=target,
        forecast=forecast,
        headline=headline,
        hit_rate=hit_rate,
        champion=champion,
        contest=Contest(*contest) if contest else None,
        outcome=outcome,
        freshness=freshness,
        ended=forecast is not None and _has_ended(forecast, freshness.published),
    )


def _has_ended(forecast: Forecast, published: date) -> bool:
    """Tell whether as many sessions have passed; those that are only expected do not count."""
    end = find_horizon_end(forecast, calendar_of(forecast.symbol))
    return end is not None and end <= published


def _read_champion(
    warehouse: PostgresWarehouse, line: ForecastLine, session: date
) -> Champion | None:
    decisions = warehouse.models.list_promotions(line.signal)
    champion = find_champion(decisions, session)
    if champion is None:
        return None
    evaluations = warehouse.models.load_evaluations(champion)
    known = [item for item in evaluations if item.last <= session]
    target = find_target(line.target)
    return Champion(warehouse.models.load_model(champion), read_skill(known, target))


def read_skill(evaluations: Sequence[Evaluation], target: Target) -> Skill:
    """Return the one figure by which skill is claimed, and what it says."""
    words = target.words.decisive, target.words.reference
    found = find_skill(evaluations, target)
    if found is None:
        return Skill(*words, "unevaluated")
    span = (found.kind, found.first, found.last)
    counted = [
        item.value
        for item in evaluations
        if item.metric == INDEPENDENT and (item.kind, item.first, item.last) == span
    ]
    verdict = "ahead" if found.lower > 0.0 else "worse" if found.upper < 0.0 else "open"
    return Skill(
        *words,
        verdict,
        found.value,
        found.lower,
        found.upper,
        found.n_sessions,
        round(counted[0]) if counted else None,
        found.first,
        found.last,
    )


def _read_hit_rate(
    warehouse: PostgresWarehouse,
    line: ForecastLine,
    y_prob: float,
    champion: Champion | None,
    session: date,
) -> HitRate | None:
    """Return what followed similar forecasts of the ledger; where too few, of the contest."""
    probability = find_target(line.target).probability
    record = warehouse.forecasts.load_record(line.signal, line.target)
    known = record.settled & (record.horizon_end <= np.datetime64(session, "D"))
    issued = Matured(
        "ledger",
        record.sessions[known],
        record.values[probability][known],
        record.outcome[known] == 1,
    )
    hit_rate = find_hit_rate(y_prob, issued, line.horizon)
    if hit_rate is not None or champion is None:
        return hit_rate
    name = champion.record.architecture
    evaluated = warehouse.contests.load_out_of_sample(line.signal, name).get(name)
    if evaluated is None:
        return None
    # The last `horizon` sessions before this one have not matured yet.
    end = int(np.searchsorted(evaluated.sessions, np.datetime64(session, "D"))) - line.horizon
    if end <= 0:
        return None
    matured = Matured(
        "contest",
        evaluated.sessions[:end],
        evaluated.columns[f"value.{probability}"][:end],
        evaluated.columns["outcome.label"][:end] == 1,
    )
    return find_hit_rate(y_prob, matured, line.horizon)
