"""Track record: what was forecast, what came of it, and against whom it is to be held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from factorprism.core.config import Config
from factorprism.core.publication import AFTERWARDS_FROM, LATE_FROM
from factorprism.core.readings import ForecastLine, JudgedForecasts, Record
from factorprism.core.signals import load_signals
from factorprism.evaluation.reliability import ReliabilityBin, bin_forecasts
from factorprism.evaluation.resampling import BLOCK_HORIZONS, count_independent
from factorprism.targets.direction import compute_log_losses
from factorprism.views._lines import choose_line, list_shown_lines
from factorprism.views._rolling import SkillCurve, compute_skill, roll_skill
from factorprism.warehouse import PostgresWarehouse

WINDOW_SESSIONS = 250
STEP_SESSIONS = 10
LEAST_SHARED = 20
LAST_ROWS = 20
ALWAYS_UP, BASE_RATE, ISSUED = "always_up", "base_rate", "issued"

Column = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rival:
    """A forecaster's figures on the `n_sessions` that it shares with the ledger.

    `skill` is the Brier skill against the base rate with its 95% interval; `own_brier` is that of
    the ledger's forecasts on the same sessions. `log_loss` (nats) is None where a certain forecast
    missed.
    """

    name: str
    n_sessions: int
    brier: float
    own_brier: float
    log_loss: float | None
    skill: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Year:
    """One calendar year of the line; `late` of the issued forecasts were not issued in time."""

    year: int
    issued: int
    late: int
    withheld: int
    settled: int
    mean_p_up: float
    share_up: float
    brier: float
    skill: float


@dataclass(frozen=True)
class Settled:
    """One settled forecast; `late_by` is None where it is not known when it was due."""

    session: date
    horizon_end: date
    p_up: float
    base_rate: float
    forward_return: float
    late_by: timedelta | None


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What the contest has forecast of the past, out of sample; none of it was ever issued.

    `record` are the forecasts of `entrant`, of which `windows` do not overlap; `entrants` the
    figures of everybody, each on its own judged sessions, `entrant` first.
    """

    entrant: str
    record: Record
    windows: int
    years: tuple[Year, ...]
    entrants: tuple[Rival, ...]


@dataclass(frozen=True, eq=False)
class TrackRecord:
    """All that is known of one line's forecasts through `through`.

    `n_late` of the issued ones came late, `n_afterwards` only days after their session.
    `walk_forward` stands apart from the ledger's own; None where no contest was held.
    """

    line: ForecastLine
    lines: tuple[ForecastLine, ...]
    through: date
    record: Record
    n_settled: int
    n_late: int
    n_afterwards: int
    windows: int
    bins: tuple[ReliabilityBin, ...]
    curve: SkillCurve | None
    rivals: tuple[Rival, ...]
    years: tuple[Year, ...]
    latest: tuple[Settled, ...]
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
    record = warehouse.forecasts.load_record(line.signal, line.target)
    judged = warehouse.contests.load_judged(line.signal)
    rows = np.flatnonzero(record.settled & record.issued)
    up = record.outcome[rows] == 1
    columns = (record.values["p_up"][rows], record.values["base_rate"][rows], up)
    block = BLOCK_HORIZONS * line.horizon
    return TrackRecord(
        line=line,
        lines=tuple(lines),
        through=line.last,
        record=record,
        n_settled=len(rows),
        n_late=int((_is_late(record) & ~_is_afterwards(record)).sum()),
        n_afterwards=int(_is_afterwards(record).sum()),
        windows=count_independent(rows, line.horizon),
        bins=bin_forecasts(rows, record.values["p_up"][rows], up, line.horizon),
        curve=roll_skill(*columns, window=WINDOW_SESSIONS, step=STEP_SESSIONS, block=block),
        rivals=_compare(record, rows, judged, block),
        years=_by_year(record),
        latest=_latest(record, rows),
        walk_forward=_walk_forward(judged, _model_of(config, line), line.horizon),
    )


def _model_of(config: Config, line: ForecastLine) -> str:
    """Return the network of the line's signal; of one that is no longer defined the usual one."""
    signal = load_signals(config).get(line.signal)
    return signal.model if signal else config.model


def _walk_forward(
    judged: dict[str, JudgedForecasts], model: str, horizon: int
) -> WalkForward | None:
    """Return the contest's forecasts by `model`, or else by whoever has judged most sessions."""
    if not judged:
        return None
    most = max(judged, key=lambda name: (name == model, len(judged[name].sessions)))
    record = _as_record(judged[most])
    block = BLOCK_HORIZONS * horizon
    return WalkForward(
        entrant=most,
        record=record,
        windows=count_independent(np.arange(len(record.sessions)), horizon),
        years=_by_year(record),
        entrants=tuple(
            _measure_judged(name, judged[name], block)
            for name in sorted(judged, key=lambda name: (name != most, name))
        ),
    )


def _as_record(judged: JudgedForecasts) -> Record:
    unknown = np.full(len(judged.sessions), np.nan)
    return Record(
        sessions=judged.sessions,
        horizon_end=np.full(len(judged.sessions), np.datetime64("NaT", "D")),
        values={
            "p_up": judged.columns["value.p_up"],
            "base_rate": judged.columns["base.p_up"],
        },
        outcome=judged.columns["outcome.label"],
        forward_return=unknown,
        late_seconds=unknown,
    )


def _is_late(record: Record) -> npt.NDArray[np.bool_]:
    """Tell of each forecast whether it was issued late, those made afterwards among them."""
    return record.issued & (record.late_seconds >= LATE_FROM.total_seconds())


def _is_afterwards(record: Record) -> npt.NDArray[np.bool_]:
    return record.issued & (record.late_seconds >= AFTERWARDS_FROM.total_seconds())


def _measure_judged(name: str, judged: JudgedForecasts, block: int) -> Rival:
    own, up = judged.columns["value.p_up"], judged.columns["outcome.label"] == 1
    return _measure(name, own, own, judged.columns["base.p_up"], up, block)


def _compare(
    record: Record,
    rows: npt.NDArray[np.intp],
    judged: dict[str, JudgedForecasts],
    block: int,
) -> tuple[Rival, ...]:
    """Hold the ledger beside always up, the base rate, and whoever the contest has judged."""
    if not len(rows):
        return ()
    own, base, up = (
        record.values["p_up"][rows],
        record.values["base_rate"][rows],
        record.outcome[rows] == 1,
    )
    rivals = [
        _measure(ISSUED, own, own, base, up, block),
        _measure(BASE_RATE, base, own, base, up, block),
        _measure(ALWAYS_UP, np.ones(len(rows)), own, base, up, block),
    ]
    for name, forecasts in judged.items():
        if name in (BASE_RATE, ALWAYS_UP):
            continue  # they stand above, on all settled sessions
        _, ours, theirs = np.intersect1d(
            record.sessions[rows], forecasts.sessions, assume_unique=True, return_indices=True
        )
        if len(ours) >= LEAST_SHARED:
            columns = (forecasts.columns["value.p_up"][theirs], own[ours], base[ours], up[ours])
            rivals.append(_measure(name, *columns, block))
    return tuple(rivals)


def _measure(
    name: str, p_up: Column, own: Column, base: Column, up: npt.NDArray[np.bool_], block: int
) -> Rival:
    certain = ((p_up == 1.0) & ~up) | ((p_up == 0.0) & up)
    loss = None if certain.any() else float(compute_log_losses(up.astype(np.float64), p_up).mean())
    return Rival(
        name,
        len(up),
        float(((p_up - up) ** 2).mean()),
        float(((own - up) ** 2).mean()),
        loss,
        *compute_skill(p_up, base, up, block=block),
    )


def _by_year(record: Record) -> tuple[Year, ...]:
    years = record.sessions.astype("datetime64[Y]").astype(np.int64) + 1970
    found = []
    for year in np.unique(years):
        of_year = years == year
        known = of_year & record.settled & record.issued
        p_up, up = record.values["p_up"][known], record.outcome[known]
        brier, base_brier = (
            float(((forecast - up) ** 2).mean()) if len(up) else float("nan")
            for forecast in (p_up, record.values["base_rate"][known])
        )
        found.append(
            Year(
                year=int(year),
                issued=int((of_year & record.issued).sum()),
                late=int((of_year & _is_late(record)).sum()),
                withheld=int((of_year & ~record.issued).sum()),
                settled=len(up),
                mean_p_up=float(p_up.mean()) if len(up) else float("nan"),
                share_up=float(up.mean()) if len(up) else float("nan"),
                brier=brier,
                skill=1.0 - brier / base_brier if base_brier else float("nan"),
            )
        )
    return tuple(reversed(found))


def _latest(record: Record, rows: Sequence[int] | npt.NDArray[np.intp]) -> tuple[Settled, ...]:
    return tuple(
        Settled(
            record.sessions[row].astype(date),
            record.horizon_end[row].astype(date),
            float(record.values["p_up"][row]),
            float(record.values["base_rate"][row]),
            float(record.forward_return[row]),
            _known_delay(record.late_seconds[row]),
        )
        for row in rows[: -LAST_ROWS - 1 : -1]
    )


def _known_delay(seconds: float) -> timedelta | None:
    return None if np.isnan(seconds) else timedelta(seconds=float(seconds))
