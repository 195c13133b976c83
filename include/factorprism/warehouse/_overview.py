"""Answers what the pages ask across tables: what the ledger holds, and whether anything changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, FromClause, Select, and_, func, select

from factorprism.core.schemas import ForecastState
from factorprism.warehouse._connection import Database
from factorprism.warehouse.tables import (
    alerts,
    bar_extents,
    contests,
    evaluations,
    explanations,
    factor_watermarks,
    fold_forecasts,
    forecasts,
    image_sets,
    models,
    outcomes,
    promotions,
    pulls,
    quality_results,
    trading_days,
)

NEWEST_FOLDS = 16
_FORECAST_KEY = ("target", "session", "horizon", "model_id")

# The moments that move whenever a page may show something else; quality_results has an index.
_MOMENTS: tuple[tuple[FromClause, tuple[str, ...]], ...] = (
    (bar_extents, ("changed_at",)),
    (pulls, ("fetched_at", "marked_at")),
    (factor_watermarks, ("computed_at",)),
    (quality_results, ("recorded_at",)),
    (forecasts, ("created_at",)),
    (outcomes, ("settled_at",)),
    (explanations, ("explained_at",)),
    (models, ("saved_at",)),
    (image_sets, ("saved_at",)),
    (evaluations, ("judged_at",)),
    (promotions, ("decided_at",)),
    (contests, ("tabulated_at",)),
    (trading_days, ("fetched_at",)),
    (alerts, ("raised_at", "raised_again_at", "resolved_at", "told_at", "recovery_told_at")),
)


@dataclass(frozen=True)
class ForecastLine:
    """One line of forecasts in the ledger: who is forecast, from what, how far ahead.

    `first` and `last` are its sessions, `issued` and `withheld` count them; a session that was
    withheld before it was issued counts as issued.
    """

    target: str
    universe: str
    horizon: int
    first: date
    last: date
    issued: int
    withheld: int


@dataclass(frozen=True, eq=False)
class Record:
    """A line's forecasts and outcomes, arrays [session], ascending.

    Days are ``datetime64[D]``; `p_up` and `base_rate` are NaN where withheld, `forward_return` (a
    fraction) and `went_up` (1 or 0) NaN before the horizon has ended.
    """

    sessions: npt.NDArray[np.datetime64]
    horizon_end: npt.NDArray[np.datetime64]
    p_up: npt.NDArray[np.float64]
    base_rate: npt.NDArray[np.float64]
    forward_return: npt.NDArray[np.float64]
    went_up: npt.NDArray[np.float64]

    @property
    def issued(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.p_up)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.went_up)


@dataclass(frozen=True, eq=False)
class JudgedForecasts:
    """An entrant's walk-forward forecasts, arrays [session], ascending: days, 0 or 1, ratios."""

    sessions: npt.NDArray[np.datetime64]
    went_up: npt.NDArray[np.int8]
    p_up: npt.NDArray[np.float64]
    base_rate: npt.NDArray[np.float64]


class OverviewRepository:
    """Read-only questions over several tables at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_version(self) -> str:
        """Return a text that changes whenever a table changes that a page may show."""
        with self._database.begin() as connection:
            moments = connection.execute(_version_statement()).one()
        return " ".join(str(moment) for moment in moments)

    def list_lines(self) -> list[ForecastLine]:
        """Return the ledger's lines by target, universe and horizon."""
        table = forecasts.c
        sessions = (
            select(
                table.target,
                table.universe,
                table.horizon,
                table.session,
                func.bool_or(table.state == ForecastState.ISSUED.value).label("is_issued"),
            )
            .group_by(table.target, table.universe, table.horizon, table.session)
            .subquery()
            .c
        )
        key = (sessions.target, sessions.universe, sessions.horizon)
        statement = (
            select(
                *key,
                func.min(sessions.session).label("first"),
                func.max(sessions.session).label("last"),
                func.count().filter(sessions.is_issued).label("issued"),
                func.count().filter(~sessions.is_issued).label("withheld"),
            )
            .group_by(*key)
            .order_by(*key)
        )
        with self._database.begin() as connection:
            return [ForecastLine(**row._mapping) for row in connection.execute(statement)]

    def load_record(self, target: str, universe: str, horizon: int) -> Record:
        """Return the line's last word for each session, beside what came of it."""
        rank = func.row_number().over(
            partition_by=forecasts.c.session,
            # Issued before withheld; of several models the one that forecast last.
            order_by=(forecasts.c.state, forecasts.c.created_at.desc()),
        )
        ranked = (
            select(forecasts, rank.label("place"))
            .where(
                forecasts.c.target == target,
                forecasts.c.universe == universe,
                forecasts.c.horizon == horizon,
            )
            .subquery()
        )
        table, came = ranked.c, outcomes.c
        same = [getattr(came, name) == getattr(table, name) for name in _FORECAST_KEY]
        columns = (table.session, table.horizon_end, table.p_up, table.base_rate)
        statement = (
            select(*columns, came.forward_return, came.went_up)
            .select_from(ranked.outerjoin(outcomes, and_(*same)))
            .where(table.place == 1)
            .order_by(table.session)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return _to_record(rows)

    def load_outcome(
        self, target: str, session: date, horizon: int, model_id: str
    ) -> tuple[float, bool] | None:
        """Return the forward return (a fraction) and whether it is a rise; None before the end."""
        table = outcomes.c
        key = (target, session, horizon, model_id)
        columns = (table.target, table.session, table.horizon, table.model_id)
        statement = select(table.forward_return, table.went_up).where(
            *(column == value for column, value in zip(columns, key, strict=True))
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else (row.forward_return, row.went_up)

    def load_last_contest(
        self, universe: str, horizon: int, through: date
    ) -> tuple[date, str] | None:
        """Return session and sentence of the last contest not after `through`, or None."""
        table = contests.c
        statement = (
            select(table.as_of, table.sentence)
            .where(table.universe == universe, table.horizon == horizon, table.as_of <= through)
            .order_by(table.as_of.desc())
            .limit(1)
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else (row.as_of, row.sentence)

    def load_judged(
        self, universe: str, horizon: int, entrant: str | None = None
    ) -> dict[str, JudgedForecasts]:
        """Return the contest's forecasts of true labels by entrant, the newest of each session.

        Only the folds judged last are read, as many as `NEWEST_FOLDS` of each entrant.
        """
        table = fold_forecasts.c
        newest = func.row_number().over(
            partition_by=table.entrant, order_by=(table.judged_at.desc(), table.fold_key)
        )
        wanted = select(table.fold_key, newest.label("place")).where(
            table.universe == universe, table.horizon == horizon, table.placebo == ""
        )
        if entrant is not None:
            wanted = wanted.where(table.entrant == entrant)
        folds = wanted.subquery()
        columns = (table.sessions, table.went_up, table.p_up, table.base_rate)
        statement = (
            select(table.entrant, *columns)
            .join(folds, folds.c.fold_key == table.fold_key)
            .where(folds.c.place <= NEWEST_FOLDS)
            .order_by(table.entrant, table.judged_at, table.fold_key)
        )
        held: dict[str, list[Any]] = {}
        with self._database.begin() as connection:
            for row in connection.execute(statement):
                held.setdefault(row.entrant, []).append(row)
        return {name: _join_folds(rows) for name, rows in held.items()}

    def list_sessions(self) -> list[date]:
        """Return the sessions that the ledger holds, ascending."""
        days = select(forecasts.c.session).distinct().order_by(forecasts.c.session)
        with self._database.begin() as connection:
            return list(connection.scalars(days))


def _to_record(rows: Sequence[Any]) -> Record:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    days = [np.asarray(column, dtype="datetime64[D]") for column in columns[:2]]
    # None becomes NaN.
    figures = [np.asarray(column, dtype=np.float64) for column in columns[2:]]
    return Record(*days, *figures)


def _join_folds(rows: Sequence[Any]) -> JudgedForecasts:
    """Join folds, oldest judgement first: of a session that was judged again, the last counts."""
    sessions = np.concatenate([np.asarray(row.sessions, dtype="datetime64[D]") for row in rows])
    # From behind, because the first of equal ones is found.
    days, places = np.unique(sessions[::-1], return_index=True)
    last = len(sessions) - 1 - places

    def column(name: str, kind: str) -> Any:
        return np.concatenate([np.asarray(getattr(row, name), dtype=kind) for row in rows])[last]

    return JudgedForecasts(
        days, column("went_up", "i1"), column("p_up", "f8"), column("base_rate", "f8")
    )


@lru_cache(maxsize=1)
def _version_statement() -> Select[Any]:
    return select(*(_latest(table, names) for table, names in _MOMENTS))


def _latest(table: FromClause, names: tuple[str, ...]) -> ColumnElement[Any]:
    moments = [select(func.max(table.c[name])).scalar_subquery() for name in names]
    return func.greatest(*moments)
