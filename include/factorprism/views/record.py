"""Track record: what was forecast, what came of it, and against whom it is to be held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from factorprism.core.config import Config
from factorprism.core.ledger import ForecastLine, Record
from factorprism.core.publication import AFTERWARDS_FROM, LATE_FROM
from factorprism.core.signals import load_signals
from factorprism.evaluation.reliability import ReliabilityBin, bin_forecasts
from factorprism.evaluation.resampling import BLOCK_HORIZONS, count_independent
from factorprism.targets import Target, find_target
from factorprism.views._lines import choose_line, list_shown_lines
from factorprism.views._rolling import SkillCurve, compute_skill, roll_skill
from factorprism.views._track import Track, track_contest, track_ledger
from factorprism.warehouse import PostgresWarehouse

WINDOW_SESSIONS = 250
STEP_SESSIONS = 10
LEAST_SHARED = 20
LAST_ROWS = 20
ISSUED = "issued"


@dataclass(frozen=True)
class Rival:
    """A forecaster's figures on the `n_sessions` that it shares with the ledger.

    `score` is the mean of the target's scores and `skill` what it gains on the reference, with its
    95% interval; `own_score` is that of the ledger's forecasts on the same sessions. `loss` is None
    where a certain forecast missed.
    """

    name: str
    n_sessions: int
    score: float
    own_score: float
    loss: float | None
    skill: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Year:
    """One calendar year of the line; `late` of the issued forecasts were not issued in time.

    `mean_forecast` and `mean_observed` are of the settled ones, on the scale of the headline.
    """

    year: int
    issued: int
    late: int
    withheld: int
    settled: int
    mean_forecast: float
    mean_observed: float
    score: float
    skill: float


@dataclass(frozen=True)
class SettledForecast:
    """One settled forecast; `late_by` is None where it is not known when it was due."""

    session: date
    horizon_end: date
    forecast: float
    reference: float
    observed: float
    forward_return: float
    late_by: timedelta | None


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What the contest has forecast of the past, out of sample; none of it was ever issued.

    `track` are the forecasts of `entrant`, of which `windows` do not overlap; `entrants` the
    figures of everybody, each on its own out-of-sample sessions, `entrant` first.
    """

    entrant: str
    track: Track
    windows: int
    years: tuple[Year, ...]
    entrants: tuple[Rival, ...]


@dataclass(frozen=True, eq=False)
class TrackRecord:
    """All that is known of one line's forecasts through `through`.

    `n_late` of the issued ones came late, `n_afterwards` only days after their session. `bins` are
    empty where the target has no probability. `walk_forward` stands apart from the ledger's own;
    None where no contest was held.
    """

    line: ForecastLine
    lines: tuple[ForecastLine, ...]
    target: Target
    through: date
    record: Record
    track: Track
    n_settled: int
    n_late: int
    n_afterwards: int
    windows: int
    bins: tuple[ReliabilityBin, ...]
    curve: SkillCurve | None
    rivals: tuple[Rival, ...]
    years: tuple[Year, ...]
    latest: tuple[SettledForecast, ...]
    walk_forward: WalkForward | None


def read_track_record(
    warehouse: PostgresWarehouse, config: Config, signal: str | None
) -> TrackRecord | None:
    """Return the record of the line chosen; None where the ledger is empty.

    Raises `NotHeld` for a line that is not in the ledger.
    """
    lines = list_shown_lines(warehouse, config)
    line = choose_line(lines, config, signal)
    if line is None:
        return None
    target = find_target(line.target)
    record = warehouse.forecasts.load_record(line.signal, line.target)
    evaluated = {
        name: track_contest(held, target)
        for name, held in warehouse.contests.load_out_of_sample(line.signal).items()
    }
    track = track_ledger(record, target)
    settled, block = track.pick(track.known), BLOCK_HORIZONS * line.horizon
    return TrackRecord(
        line=line,
        lines=tuple(lines),
        target=target,
        through=line.last,
        record=record,
        track=track,
        n_settled=len(track.known),
        n_late=int((_is_late(record) & ~_is_afterwards(record)).sum()),
        n_afterwards=int(_is_afterwards(record).sum()),
        windows=count_independent(track.known, line.horizon),
        bins=_bin(track, line.horizon),
        curve=roll_skill(
            settled.scores,
            settled.base_scores,
            window=WINDOW_SESSIONS,
            step=STEP_SESSIONS,
            block=block,
        ),
        rivals=_compare(settled, evaluated, block),
        years=_by_year(track, record),
        latest=_latest(track, record),
        walk_forward=_walk_forward(evaluated, _model_of(config, line), line.horizon),
    )


def _model_of(config: Config, line: ForecastLine) -> str:
    """Return the network of the line's signal; of one that is no longer defined the usual one."""
    signal = load_signals(config).get(line.signal)
    return signal.model if signal else config.model


def _bin(track: Track, horizon: int) -> tuple[ReliabilityBin, ...]:
    if not track.target.probability:
        return ()
    rows = track.known
    y_prob = track.values[track.target.probability][rows]
    return bin_forecasts(rows, y_prob, track.labels[rows] == 1, horizon)


def _walk_forward(evaluated: dict[str, Track], model: str, horizon: int) -> WalkForward | None:
    """Return the contest's forecasts by `model`, or else by whoever has evaluated most sessions."""
    if not evaluated:
        return None
    most = max(evaluated, key=lambda name: (name == model, len(evaluated[name].sessions)))
    track, block = evaluated[most], BLOCK_HORIZONS * horizon
    return WalkForward(
        entrant=most,
        track=track,
        windows=count_independent(np.arange(len(track.sessions)), horizon),
        years=_by_year(track),
        entrants=tuple(
            _measure(name, evaluated[name], evaluated[name], block)
            for name in sorted(evaluated, key=lambda name: (name != most, name))
        ),
    )


def _is_late(record: Record) -> npt.NDArray[np.bool_]:
    """Tell of each forecast whether it was issued late, those made afterwards among them."""
    return record.issued & (record.late_seconds >= LATE_FROM.total_seconds())


def _is_afterwards(record: Record) -> npt.NDArray[np.bool_]:
    return record.issued & (record.late_seconds >= AFTERWARDS_FROM.total_seconds())


def _compare(settled: Track, evaluated: dict[str, Track], block: int) -> tuple[Rival, ...]:
    """Hold the settled forecasts beside the reference, constants and the contest's entrants."""
    if not len(settled.sessions):
        return ()
    target = settled.target
    plain = {
        ISSUED: settled,
        target.reference: settled.say_reference(),
        **{name: settled.say(value) for name, value in target.constants.items()},
    }
    rivals = [_measure(name, track, settled, block) for name, track in plain.items()]
    for name, track in evaluated.items():
        if name in plain:
            continue  # they stand above, on all settled sessions
        _, ours, theirs = np.intersect1d(
            settled.sessions, track.sessions, assume_unique=True, return_indices=True
        )
        if len(ours) >= LEAST_SHARED:
            rivals.append(_measure(name, track.pick(theirs), settled.pick(ours), block))
    return tuple(rivals)


def _measure(name: str, track: Track, own: Track, block: int) -> Rival:
    """Return the figures of `track`; `own` has the ledger's forecasts and reference beside it."""
    return Rival(
        name,
        len(track.sessions),
        float(track.scores.mean()),
        float(own.scores.mean()),
        track.find_loss(),
        *compute_skill(track.scores, own.base_scores, block=block),
    )


def _by_year(track: Track, record: Record | None = None) -> tuple[Year, ...]:
    """Count and measure by year; nothing of a contest was issued late or withheld."""
    years = track.sessions.astype("datetime64[Y]").astype(np.int64) + 1970
    issued = ~np.isnan(track.forecast)
    late = _is_late(record) if record else np.zeros(len(years), bool)
    known = np.zeros(len(years), bool)
    known[track.known] = True
    found = []
    for year in np.unique(years):
        of_year = years == year
        settled = track.pick(of_year & known)
        score, base = _mean(settled.scores), _mean(settled.base_scores)
        found.append(
            Year(
                year=int(year),
                issued=int((of_year & issued).sum()),
                late=int((of_year & late).sum()),
                withheld=int((of_year & ~issued).sum()),
                settled=len(settled.sessions),
                mean_forecast=_mean(settled.forecast),
                mean_observed=_mean(settled.observed),
                score=score,
                skill=1.0 - score / base if base else float("nan"),
            )
        )
    return tuple(reversed(found))


def _mean(column: npt.NDArray[np.float64]) -> float:
    return float(column.mean()) if len(column) else float("nan")


def _latest(track: Track, record: Record) -> tuple[SettledForecast, ...]:
    return tuple(
        SettledForecast(
            record.sessions[row].astype(date),
            record.horizon_end[row].astype(date),
            float(track.forecast[row]),
            float(track.base[row]),
            float(track.observed[row]),
            float(record.forward_return[row]),
            _known_delay(record.late_seconds[row]),
        )
        for row in track.known[: -LAST_ROWS - 1 : -1]
    )


def _known_delay(seconds: float) -> timedelta | None:
    return None if np.isnan(seconds) else timedelta(seconds=float(seconds))
