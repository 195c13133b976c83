"""Holds what the contest has evaluated, fold by fold, and the reports drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import ARRAY, CheckConstraint, Date, Index, Row, Table, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from factorprism.core.contest import (
    Column,
    ContestReport,
    FoldForecasts,
    FoldTime,
    OutOfSampleForecasts,
)
from factorprism.core.errors import ArtefactError
from factorprism.warehouse.db.base import (
    DOUBLE,
    SIGNAL,
    column,
    metadata,
    moment,
    sha256,
)
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.moments import to_database

# The column of that name, where the fold has one.
_P_UP_COLUMN = "array_position(column_names, 'value.p_up')"

_P_UP = f"column_values[{_P_UP_COLUMN} : {_P_UP_COLUMN}]"

fold_forecasts = Table(
    "fold_forecasts",
    metadata,
    column(
        "fold_key", Text(), "SHA-256 of data, entrant, settings and sessions.", primary_key=True
    ),
    column("signal", Text(), SIGNAL),
    column("entrant", Text(), "Name of the network or baseline."),
    column("placebo", Text(), "What was done to the labels; empty: nothing."),
    column("settings", JSONB(), "Settings of the entrant and of its training."),
    column("sessions", ARRAY(Date()), "Out-of-sample sessions, ascending."),
    column(
        "column_names",
        ARRAY(Text()),
        "Names of the columns: outcome., value. or base., then the figure.",
    ),
    column("column_values", ARRAY(DOUBLE, dimensions=2), "Their values, [column][session]."),
    moment("begun_at", "When the entrant began to learn; null: not known.", nullable=True),
    moment(
        "evaluated_at", "When the forecasts were written.", server_default=func.clock_timestamp()
    ),
    column("device", Text(), "What it was computed on; null: not known.", nullable=True),
    sha256("fold_key"),
    CheckConstraint(
        "cardinality(column_values) = cardinality(column_names) * cardinality(sessions)",
        "columns_are_of_one_length",
    ),
    CheckConstraint(f"0 <= ALL ({_P_UP}) AND 1 >= ALL ({_P_UP})", "p_up_is_ratio"),
    Index(None, "signal", "entrant"),
    comment="Forecasts of the contest by entrant and fold: a fold that is held is not done again.",
)

contests = Table(
    "contests",
    metadata,
    column("signal", Text(), SIGNAL, primary_key=True),
    column("as_of", Date(), "Last session that the contest knew.", primary_key=True),
    column("image_set_hash", Text(), "SHA-256 of the image set, hex."),
    column("sentence", Text(), "What the contest came to; losses come first."),
    column("content", JSONB(), "Figures of all entrants, placebos and backtests."),
    moment("tabulated_at", "When the report was last drawn from the folds."),
    sha256("image_set_hash"),
    CheckConstraint("sentence <> ''", "sentence_is_given"),
    comment="The contest's report of each week, drawn from the folds' forecasts alone.",
)


NEWEST_FOLDS = 16


_NAMES = (
    "fold_key",
    "signal",
    "entrant",
    "placebo",
    "settings",
    "begun_at",
    "device",
)


class ContestRepository:
    """Over ``fold_forecasts`` and ``contests``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_fold(self, fold: FoldForecasts) -> bool:
        """Keep `fold` in one transaction; False when its key is held, and stays as it is."""
        values = {name: getattr(fold, name) for name in _NAMES}
        values |= {
            "sessions": fold.sessions.tolist(),
            "column_names": list(fold.columns),
            "column_values": [column.tolist() for column in fold.columns.values()],
        }
        with self._database.begin() as connection:
            new = insert(fold_forecasts).values(values).on_conflict_do_nothing()
            return connection.execute(new).rowcount == 1

    def list_held(self, fold_keys: Sequence[str]) -> set[str]:
        """Return those of `fold_keys` that are held."""
        key = fold_forecasts.c.fold_key
        with self._database.begin() as connection:
            return set(connection.scalars(select(key).where(key.in_(fold_keys))))

    def load_folds(self, fold_keys: Sequence[str]) -> list[FoldForecasts]:
        """Return the folds in the order of `fold_keys`; raises `ArtefactError` for one missing."""
        key = fold_forecasts.c.fold_key
        with self._database.begin() as connection:
            rows = connection.execute(select(fold_forecasts).where(key.in_(fold_keys))).all()
        held = {row.fold_key: _to_fold(row) for row in rows}
        missing = [wanted for wanted in fold_keys if wanted not in held]
        if missing:
            raise ArtefactError(
                f"{len(missing)} of {len(fold_keys)} folds of the contest are not evaluated yet",
                remedy="Run the contest again: it goes on where it was.",
            )
        return [held[wanted] for wanted in fold_keys]

    def count_trials(self, signal: str) -> int:
        """Return how many entrants, each setting for itself, were ever evaluated on true labels."""
        table = fold_forecasts.c
        tried = (
            select(table.entrant, table.settings)
            .where(table.signal == signal, table.placebo == "")
            .distinct()
        )
        with self._database.begin() as connection:
            return connection.scalar(select(func.count()).select_from(tried.subquery())) or 0

    def list_times(self, signal: str, since: datetime) -> list[FoldTime]:
        """Return how long folds of true labels took, evaluated after `since` (UTC)."""
        table = fold_forecasts.c
        seconds = func.extract("epoch", table.evaluated_at - table.begun_at)
        statement = select(
            table.entrant, table.settings, table.device, seconds.label("seconds")
        ).where(
            table.signal == signal,
            table.placebo == "",
            table.begun_at.is_not(None),
            table.evaluated_at > to_database(since),
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [FoldTime(row.entrant, row.settings, row.device, float(row.seconds)) for row in rows]

    def save_report(self, report: ContestReport) -> None:
        """Keep `report`; one of the same signal and session is replaced."""
        new = insert(contests).values(
            signal=report.signal,
            as_of=report.as_of,
            image_set_hash=report.image_set_hash,
            sentence=report.sentence,
            content=report.content,
            tabulated_at=func.clock_timestamp(),
        )
        key = list(contests.primary_key)
        changed = [column.name for column in contests.c if column not in key]
        with self._database.begin() as connection:
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=key, set_={name: new.excluded[name] for name in changed}
                )
            )

    def load_report(self, signal: str, as_of: date | None = None) -> ContestReport | None:
        """Return the report of `as_of`, or the newest; None when there is none."""
        table = contests.c
        statement = (
            select(contests).where(table.signal == signal).order_by(table.as_of.desc()).limit(1)
        )
        if as_of is not None:
            statement = statement.where(table.as_of == as_of)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return ContestReport(row.signal, row.as_of, row.image_set_hash, row.sentence, row.content)

    def load_last_contest(self, signal: str, through: date) -> tuple[date, str] | None:
        """Return session and sentence of the last contest not after `through`, or None."""
        table = contests.c
        statement = (
            select(table.as_of, table.sentence)
            .where(table.signal == signal, table.as_of <= through)
            .order_by(table.as_of.desc())
            .limit(1)
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else (row.as_of, row.sentence)

    def load_out_of_sample(
        self, signal: str, entrant: str | None = None
    ) -> dict[str, OutOfSampleForecasts]:
        """Return the contest's forecasts of true labels by entrant, the newest of each session.

        Only the folds evaluated last are read, as many as `NEWEST_FOLDS` of each entrant.
        """
        table = fold_forecasts.c
        newest = func.row_number().over(
            partition_by=table.entrant, order_by=(table.evaluated_at.desc(), table.fold_key)
        )
        wanted = select(table.fold_key, newest.label("age")).where(
            table.signal == signal, table.placebo == ""
        )
        if entrant is not None:
            wanted = wanted.where(table.entrant == entrant)
        folds = wanted.subquery()
        columns = (table.sessions, table.column_names, table.column_values)
        statement = (
            select(table.entrant, *columns)
            .join(folds, folds.c.fold_key == table.fold_key)
            .where(folds.c.age <= NEWEST_FOLDS)
            .order_by(table.entrant, table.evaluated_at, table.fold_key)
        )
        held: dict[str, list[Any]] = {}
        with self._database.begin() as connection:
            for row in connection.execute(statement):
                held.setdefault(row.entrant, []).append(row)
        return {name: _join_folds(rows) for name, rows in held.items()}


def _to_fold(row: Row[Any]) -> FoldForecasts:
    values = {name: getattr(row, name) for name in _NAMES}
    sessions = np.asarray(row.sessions, dtype="datetime64[D]")
    return FoldForecasts(**values, sessions=sessions, columns=_to_columns(row))


def _to_columns(row: Row[Any]) -> dict[str, Column]:
    """Return the columns of a fold by their names, float64 [session]."""
    values = np.asarray(row.column_values, np.float64)
    table = values.reshape(len(row.column_names), len(row.sessions))
    return dict(zip(row.column_names, table, strict=True))


def _join_folds(rows: Sequence[Row[Any]]) -> OutOfSampleForecasts:
    """Join folds, oldest evaluation first; of a session evaluated again the last counts."""
    sessions = np.concatenate([np.asarray(row.sessions, dtype="datetime64[D]") for row in rows])
    # From behind, because the first of equal ones is found.
    days, indices = np.unique(sessions[::-1], return_index=True)
    last = len(sessions) - 1 - indices
    folds = [_to_columns(row) for row in rows]
    return OutOfSampleForecasts(
        days, {name: np.concatenate([fold[name] for fold in folds])[last] for name in folds[-1]}
    )
