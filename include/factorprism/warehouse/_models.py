"""Holds what is known of each model: its training, its evaluations, the decisions on the title."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.errors import ArtefactError
from factorprism.core.readings import DatedDecision, KeptModel
from factorprism.core.schemas import Evaluation, ModelRecord, Promotion, Training
from factorprism.warehouse._connection import Database
from factorprism.warehouse._moments import from_database
from factorprism.warehouse.tables import (
    evaluations,
    image_sets,
    models,
    promotions,
    trainings,
)

NAMED = 3  # models that are named where another was asked for


class ModelRepository:
    """`ModelStore` over the tables of image sets, models, trainings, evaluations and decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_image_set(
        self,
        image_set_hash: str,
        universe: str,
        first: date,
        last: date,
        spec: dict[str, object],
        path: str,
    ) -> None:
        """Keep where the set lies; one that is held already stays as it is."""
        new = insert(image_sets).values(
            image_set_hash=image_set_hash,
            universe=universe,
            first_session=first,
            last_session=last,
            spec=spec,
            path=path,
        )
        with self._database.begin() as connection:
            connection.execute(new.on_conflict_do_nothing())

    def save_model(self, record: ModelRecord) -> None:
        """Keep `record`; a model that is held already stays as it is."""
        values = {item.name: getattr(record, item.name) for item in fields(ModelRecord)}
        values |= {"channels": list(record.channels), "factors": list(record.factors)}
        with self._database.begin() as connection:
            connection.execute(insert(models).values(values).on_conflict_do_nothing())

    def load_model(self, model_id: str) -> ModelRecord:
        """Return the record; raises `ArtefactError` when it is not held."""
        with self._database.begin() as connection:
            row = connection.execute(
                select(models).where(models.c.model_id == model_id)
            ).one_or_none()
        if row is None:
            raise ArtefactError(
                f"model {model_id} is not in the warehouse", remedy=self._name_newest()
            )
        return _to_record(row)

    def _name_newest(self) -> str:
        """Say which models there are, for whoever has asked for another."""
        newest = select(models.c.model_id).order_by(models.c.saved_at.desc()).limit(NAMED)
        with self._database.begin() as connection:
            names = list(connection.scalars(newest))
        if not names:
            return "There is none yet. Train one: factorprism train."
        return f"The newest: {', '.join(names)}. All: factorprism models list."

    def list_models(self, universe: str, horizon: int) -> list[ModelRecord]:
        """Return the models in the order of their last training session, then of their ids."""
        statement = (
            select(models)
            .where(models.c.universe == universe, models.c.horizon == horizon)
            .order_by(models.c.trained_through, models.c.model_id)
        )
        with self._database.begin() as connection:
            return [_to_record(row) for row in connection.execute(statement)]

    def save_training(self, training: Training) -> None:
        """Keep `training`; one of a model that is held already stays as it is."""
        values = asdict(training) | {"epochs": list(training.epochs)}
        with self._database.begin() as connection:
            connection.execute(insert(trainings).values(values).on_conflict_do_nothing())

    def load_training(self, model_id: str) -> Training | None:
        """Return what was kept of the training of `model_id`; None for a model without it."""
        statement = select(trainings).where(trainings.c.model_id == model_id)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return Training(row.model_id, tuple(row.epochs), row.normaliser) if row else None

    def save_evaluations(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep one figure for each model, kind, metric and range; a new one replaces it."""
        rows = sorted((_from_evaluation(item) for item in evaluations), key=_evaluation_key)
        if not rows:
            return
        with self._database.begin() as connection:
            for row in rows:
                connection.execute(_upsert_evaluation(row))

    def load_evaluations(self, model_id: str) -> list[Evaluation]:
        """Return the figures of `model_id` by kind, range and metric."""
        table = evaluations.c
        statement = (
            select(evaluations)
            .where(table.model_id == model_id)
            .order_by(table.kind, table.first_session, table.last_session, table.metric)
        )
        with self._database.begin() as connection:
            return [_to_evaluation(row) for row in connection.execute(statement)]

    def append_promotion(self, promotion: Promotion) -> bool:
        """Append one decision; False when its number for as_of and candidate is held already."""
        new = insert(promotions).values(asdict(promotion)).on_conflict_do_nothing()
        with self._database.begin() as connection:
            return connection.execute(new).rowcount == 1

    def list_promotions(self, universe: str, horizon: int) -> list[Promotion]:
        """Return the decisions by the session they were made for, then as they were written."""
        return [dated.promotion for dated in self.list_dated_decisions(universe, horizon)]

    def list_dated_decisions(self, universe: str, horizon: int) -> list[DatedDecision]:
        """Return the decisions in the order of `list_promotions`, with their moments."""
        table = promotions.c
        statement = (
            select(promotions)
            .where(table.universe == universe, table.horizon == horizon)
            .order_by(table.as_of, table.decided_at, table.candidate_id, table.number)
        )
        with self._database.begin() as connection:
            return [
                DatedDecision(_to_promotion(row), from_database(row.decided_at))
                for row in connection.execute(statement)
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
        with self._database.begin() as connection:
            rows = connection.execute(held).all()
            for row in connection.execute(judged):
                figures[row.model_id].append(_to_evaluation(row))
        return [
            KeptModel(
                record=_to_record(row),
                saved_at=from_database(row.saved_at),
                has_training=row.has_training,
                evaluations=tuple(figures[row.model_id]),
            )
            for row in rows
        ]


def _to_record(row: Row[Any]) -> ModelRecord:
    values = {item.name: getattr(row, item.name) for item in fields(ModelRecord)}
    values |= {"channels": tuple(row.channels), "factors": tuple(row.factors)}
    return ModelRecord(**values)


def _to_promotion(row: Row[Any]) -> Promotion:
    values = {item.name: getattr(row, item.name) for item in fields(Promotion)}
    # Figures that JSON lacks are held as text.
    values["numbers"] = {name: float(value) for name, value in row.numbers.items()}
    return Promotion(**values)


def _from_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    values = asdict(evaluation)
    return values | {"first_session": values.pop("first"), "last_session": values.pop("last")}


def _to_evaluation(row: Row[Any]) -> Evaluation:
    values = {
        item.name: getattr(row, item.name)
        for item in fields(Evaluation)
        if item.name not in ("first", "last")
    }
    return Evaluation(**values, first=row.first_session, last=row.last_session)


def _evaluation_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in evaluations.primary_key)


def _upsert_evaluation(row: dict[str, Any]) -> Any:
    new = insert(evaluations).values(row | {"judged_at": func.clock_timestamp()})
    key = list(evaluations.primary_key)
    figures = [column.name for column in evaluations.c if column not in key]
    return new.on_conflict_do_update(
        index_elements=key, set_={name: new.excluded[name] for name in figures}
    )
