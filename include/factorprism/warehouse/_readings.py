"""Answers what the pages ask across the tables, each question in one or two statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, and_, func, select

from factorprism.core.readings import (
    DatedDecision,
    GateSummary,
    HeldBars,
    IssuedForecast,
    KeptModel,
    PullSummary,
    RevisedValue,
)
from factorprism.core.schemas import BAR_VALUES, Evaluation, PullState
from factorprism.warehouse._bulk import read_rows
from factorprism.warehouse._connection import Database
from factorprism.warehouse._models import to_evaluation, to_promotion, to_record
from factorprism.warehouse._moments import from_database, to_database
from factorprism.warehouse._wire import DATE, Wire
from factorprism.warehouse.tables import (
    bar_revisions,
    evaluations,
    forecasts,
    models,
    promotions,
    pulls,
    quality_results,
    trainings,
)

# One bit a column says which values are absent: a fiftieth of the bytes of the bars themselves.
_ABSENT = " | ".join(
    f"CASE WHEN {name} = 'NaN' THEN {1 << place} ELSE 0 END"
    for place, name in enumerate(BAR_VALUES)
)
_HELD = (
    f"SELECT session, ({_ABSENT})::integer FROM prism.bars"  # noqa: S608
    " WHERE symbol = %(symbol)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session"
)


class ReadingRepository:
    """`ReadingStore` over all tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_held_bars(self, symbol: str, first: date, last: date) -> HeldBars:
        """Return which bars of `symbol` in [`first`, `last`] are held, and what they lack."""
        parameters = {"symbol": symbol, "first": first, "last": last}
        with self._database.begin() as connection:
            days, bits = read_rows(connection, _HELD, parameters, [DATE, Wire("integer")])
        return HeldBars(days, (bits[:, None] >> np.arange(len(BAR_VALUES)) & 1).astype(bool))

    def summarise_gates(self, run_keys: Sequence[str]) -> list[GateSummary]:
        """Return the summaries of those of `run_keys` that are held, the newest first."""
        table = quality_results.c

        def failed(severity: str) -> Any:
            return func.count().filter(and_(~table.success, table.severity == severity))

        recorded_at = func.max(table.recorded_at)
        statement = (
            select(
                table.run_key,
                func.min(table.suite).label("suite"),
                func.count().label("n_results"),
                failed("critical").label("n_critical"),
                failed("warning").label("n_warnings"),
                recorded_at.label("recorded_at"),
            )
            .where(table.run_key.in_(run_keys))
            .group_by(table.run_key)
            .order_by(recorded_at.desc(), table.run_key)
        )
        return [
            GateSummary(
                run_key=row.run_key,
                suite=row.suite,
                n_results=row.n_results,
                n_critical=row.n_critical,
                n_warnings=row.n_warnings,
                recorded_at=from_database(row.recorded_at),
            )
            for row in self._read(statement)
        ]

    def list_pulls(
        self, symbols: Sequence[str], limit: int, state: PullState | None = None
    ) -> list[PullSummary]:
        """Return the newest `limit` pulls of `symbols`, those in `state` alone if it is given."""
        table = pulls.c
        columns = [column for column in table if column.name != "payload"]
        statement = (
            select(*columns)
            .where(table.symbol.in_(symbols))
            .order_by(table.pull_id.desc())
            .limit(limit)
        )
        if state is not None:
            statement = statement.where(table.state == state.value)
        return [_to_pull(row) for row in self._read(statement)]

    def count_pulls(self, symbols: Sequence[str]) -> dict[PullState, int]:
        """Return how many pulls of `symbols` are in each state; a state without any is left out."""
        table = pulls.c
        statement = (
            select(table.state, func.count().label("n"))
            .where(table.symbol.in_(symbols))
            .group_by(table.state)
        )
        return {PullState(row.state): row.n for row in self._read(statement)}

    def list_revisions(self, symbols: Sequence[str], limit: int) -> list[RevisedValue]:
        """Return the newest `limit` revised values of `symbols`, the last revised first."""
        table = bar_revisions.c
        statement = (
            select(bar_revisions)
            .where(table.symbol.in_(symbols))
            .order_by(
                *(table.revised_at.desc(), table.session.desc(), table.symbol),
                *(table.column_name, table.revision.desc()),
            )
            .limit(limit)
        )
        return [
            RevisedValue(
                symbol=row.symbol,
                session=row.session,
                column=row.column_name,
                old_value=row.old_value,
                new_value=row.new_value,
                pull_id=row.pull_id,
                revised_at=from_database(row.revised_at),
            )
            for row in self._read(statement)
        ]

    def count_revisions(self, symbols: Sequence[str]) -> int:
        """Return how many values of `symbols` were ever revised."""
        table = bar_revisions.c
        counted = select(func.count()).where(table.symbol.in_(symbols))
        return int(self._read(counted)[0][0])

    def list_issued(
        self, universe: str, first: date, last: date, before: datetime
    ) -> list[IssuedForecast]:
        """Return the forecasts of sessions in [`first`, `last`] issued before `before` (UTC)."""
        table = forecasts.c
        statement = (
            select(table.target, table.session, table.horizon, table.model_id, table.created_at)
            .where(
                table.universe == universe,
                table.state == "issued",
                table.session.between(first, last),
                table.created_at < to_database(before),
            )
            .order_by(table.session, table.target, table.horizon, table.model_id)
        )
        return [
            IssuedForecast(
                target=row.target,
                session=row.session,
                horizon=row.horizon,
                model_id=row.model_id,
                created_at=from_database(row.created_at),
            )
            for row in self._read(statement)
        ]

    def list_kept_models(
        self, universe: str, horizon: int, metrics: Sequence[str]
    ) -> list[KeptModel]:
        """Return the models with their figures of `metrics`, the last trained first."""
        mine = and_(models.c.universe == universe, models.c.horizon == horizon)
        held = (
            select(models, trainings.c.model_id.is_not(None).label("has_training"))
            .select_from(models.outerjoin(trainings, trainings.c.model_id == models.c.model_id))
            .where(mine)
            .order_by(models.c.trained_through.desc(), models.c.saved_at.desc(), models.c.model_id)
        )
        table = evaluations.c
        judged = (
            select(evaluations)
            .select_from(evaluations.join(models, models.c.model_id == table.model_id))
            .where(mine, table.metric.in_(metrics))
            .order_by(table.kind, table.first_session, table.last_session, table.metric)
        )
        figures: defaultdict[str, list[Evaluation]] = defaultdict(list)
        for row in self._read(judged):
            figures[row.model_id].append(to_evaluation(row))
        return [
            KeptModel(
                record=to_record(row),
                saved_at=from_database(row.saved_at),
                has_training=row.has_training,
                evaluations=tuple(figures[row.model_id]),
            )
            for row in self._read(held)
        ]

    def list_dated_decisions(self, universe: str, horizon: int) -> list[DatedDecision]:
        """Return the decisions in the order of `ModelRepository.list_promotions`."""
        table = promotions.c
        statement = (
            select(promotions)
            .where(table.universe == universe, table.horizon == horizon)
            .order_by(table.as_of, table.decided_at, table.candidate_id, table.number)
        )
        return [
            DatedDecision(to_promotion(row), from_database(row.decided_at))
            for row in self._read(statement)
        ]

    def _read(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        with self._database.begin() as connection:
            return connection.execute(statement).all()


def _to_pull(row: Row[Any]) -> PullSummary:
    return PullSummary(
        pull_id=row.pull_id,
        source=row.source,
        symbol=row.symbol,
        first=row.first_session,
        last=row.last_session,
        content_hash=row.content_hash,
        n_bars=row.n_bars,
        state=PullState(row.state),
        reason=row.reason,
        fetched_at=from_database(row.fetched_at),
        marked_at=from_database(row.marked_at) if row.marked_at else None,
    )
