"""Holds what is known of each model: training, evaluations, and the decisions on the champion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from factorprism.core.errors import ArtefactError
from factorprism.core.models import (
    DatedDecision,
    Evaluation,
    KeptModel,
    ModelRecord,
    Promotion,
    TrainingSummary,
)
from factorprism.warehouse.db.base import (
    DOUBLE,
    HORIZON,
    MODEL,
    SIGNAL,
    TARGET_NAME,
    UNIVERSE,
    column,
    metadata,
    moment,
    sha256,
)
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.moments import from_database

image_sets = Table(
    "image_sets",
    metadata,
    column("image_set_hash", Text(), "SHA-256 of the set's content, hex.", primary_key=True),
    column("universe", Text(), UNIVERSE),
    column("first_session", Date(), "First session of the set."),
    column("last_session", Date(), "Last session of the set."),
    column("spec", JSONB(), "How the images are cut: lookback in sessions, channels."),
    column("path", Text(), "Where the set lies in the artefact store."),
    moment("saved_at", "When the set was recorded.", server_default=func.clock_timestamp()),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    sha256("image_set_hash"),
    comment="Image sets that models were trained on.",
)

models = Table(
    "models",
    metadata,
    column("model_id", Text(), MODEL, primary_key=True),
    column("architecture", Text(), "Name of the network."),
    column("signal", Text(), SIGNAL),
    column("target", Text(), TARGET_NAME),
    column("universe", Text(), UNIVERSE),
    column("horizon", Integer(), HORIZON),
    column("lookback", Integer(), "Sessions in one image."),
    column("channels", ARRAY(Text()), "Symbols laid over one another, target first."),
    column("factors", ARRAY(Text()), "Factors in the order of the image's rows."),
    column("trained_from", Date(), "First session that the training read."),
    column("trained_through", Date(), "Last session whose close training or labels read."),
    column("n_samples", Integer(), "Images that the model was trained on."),
    column("bases", JSONB(), "Base forecasts that the training data gave, by name."),
    column("data_hash", Text(), "SHA-256 of the data that the model was trained on, hex."),
    column("artefact_hash", Text(), "SHA-256 of the stored bundle's manifest, hex."),
    column("mode", Text(), "How it was trained: retrain or fine_tune."),
    column("parent_id", Text(), "Model that fine-tuning started from; empty: none."),
    column("spec", JSONB(), "Settings of the network and of its training."),
    moment("saved_at", "When the model was recorded.", server_default=func.clock_timestamp()),
    CheckConstraint("horizon >= 1", "horizon_is_positive"),
    CheckConstraint("lookback >= 1", "lookback_is_positive"),
    CheckConstraint("n_samples >= 0", "n_samples_is_count"),
    CheckConstraint("trained_from <= trained_through", "range_is_ordered"),
    Index(None, "signal"),
    comment="Trained models; a model never changes once it is recorded.",
)

trainings = Table(
    "trainings",
    metadata,
    column("model_id", Text(), MODEL, ForeignKey(models.c.model_id), primary_key=True),
    column("epochs", JSONB(), "A list with the figures of each epoch, first to last."),
    column("normaliser", JSONB(), "The scale of the model's images: kind, clip, centre, scale."),
    comment="What a page shows of a model's training; the bundle itself stays the authority.",
)

evaluations = Table(
    "evaluations",
    metadata,
    column("model_id", Text(), MODEL, ForeignKey(models.c.model_id), primary_key=True),
    column(
        "kind", Text(), "walk_forward: held-out folds; contest: against a rival.", primary_key=True
    ),
    column("metric", Text(), "Name of the figure, such as log_loss.", primary_key=True),
    column("first_session", Date(), "First out-of-sample session.", primary_key=True),
    column("last_session", Date(), "Last out-of-sample session.", primary_key=True),
    column("value", DOUBLE, "The figure, in the metric's unit."),
    column("lower", DOUBLE, "Lower end of its 95% interval, in the metric's unit."),
    column("upper", DOUBLE, "Upper end of its 95% interval, in the metric's unit."),
    column("reference", DOUBLE, "The base forecast's figure on the same sessions."),
    column("n_sessions", Integer(), "Out-of-sample sessions."),
    moment("evaluated_at", "When the figure was last computed."),
    Index(None, "evaluated_at"),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    CheckConstraint("n_sessions >= 0", "n_sessions_is_count"),
    comment="How each model did on sessions that it was not trained on.",
)

promotions = Table(
    "promotions",
    metadata,
    column("signal", Text(), SIGNAL, primary_key=True),
    column("as_of", Date(), "Last session that the decision knew.", primary_key=True),
    column("candidate_id", Text(), "Model on which the decision was.", primary_key=True),
    column(
        "number",
        Integer(),
        "Which decision on this candidate, from 0.",
        primary_key=True,
        autoincrement=False,
        server_default="0",
    ),
    column("kind", Text(), "contest, manual or rollback.", server_default="contest"),
    column("champion_id", Text(), "The champion after the decision; empty: none."),
    column("previous_id", Text(), "The champion before; empty: none."),
    column("promoted", Boolean(), "Whether the candidate became champion."),
    column("reason", Text(), "The decision in one sentence."),
    column("numbers", JSONB(), "The figures that the decision rests on."),
    moment("decided_at", "When the decision was written.", server_default=func.clock_timestamp()),
    CheckConstraint("NOT promoted OR champion_id = candidate_id", "promoted_is_champion"),
    CheckConstraint("reason <> ''", "reason_is_given"),
    CheckConstraint("number >= 0", "number_is_count"),
    CheckConstraint("kind IN ('contest', 'manual', 'rollback')", "kind_is_known"),
    comment="Append-only: every decision on who forecasts, with its figures and its reason.",
    info={"ledger": True},
)


NAMED = 3  # models that are named where another was asked for


class ModelRepository:
    """Over the tables of image sets, models, trainings, evaluations and decisions."""

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

    def list_models(self, signal: str) -> list[ModelRecord]:
        """Return the models in the order of their last training session, then of their ids."""
        statement = (
            select(models)
            .where(models.c.signal == signal)
            .order_by(models.c.trained_through, models.c.model_id)
        )
        with self._database.begin() as connection:
            return [_to_record(row) for row in connection.execute(statement)]

    def save_training(self, training: TrainingSummary) -> None:
        """Keep `training`; one of a model that is held already stays as it is."""
        values = asdict(training) | {"epochs": list(training.epochs)}
        with self._database.begin() as connection:
            connection.execute(insert(trainings).values(values).on_conflict_do_nothing())

    def load_training(self, model_id: str) -> TrainingSummary | None:
        """Return what was kept of the training of `model_id`; None for a model without it."""
        statement = select(trainings).where(trainings.c.model_id == model_id)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return TrainingSummary(row.model_id, tuple(row.epochs), row.normaliser) if row else None

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

    def list_promotions(self, signal: str) -> list[Promotion]:
        """Return the decisions by the session they were made for, then as they were written."""
        return [dated.promotion for dated in self.list_dated_decisions(signal)]

    def list_dated_decisions(self, signal: str) -> list[DatedDecision]:
        """Return the decisions in the order of `list_promotions`, with their moments."""
        table = promotions.c
        statement = (
            select(promotions)
            .where(table.signal == signal)
            .order_by(table.as_of, table.decided_at, table.candidate_id, table.number)
        )
        with self._database.begin() as connection:
            return [
                DatedDecision(_to_promotion(row), from_database(row.decided_at))
                for row in connection.execute(statement)
            ]

    def list_kept_models(self, signal: str, metrics: Sequence[str]) -> list[KeptModel]:
        """Return the models with their figures of `metrics`, the last trained first."""
        mine = models.c.signal == signal
        held = (
            select(models, trainings.c.model_id.is_not(None).label("has_training"))
            .select_from(models.outerjoin(trainings, trainings.c.model_id == models.c.model_id))
            .where(mine)
            .order_by(models.c.trained_through.desc(), models.c.saved_at.desc(), models.c.model_id)
        )
        table = evaluations.c
        evaluated = (
            select(evaluations)
            .select_from(evaluations.join(models, models.c.model_id == table.model_id))
            .where(mine, table.metric.in_(metrics))
            .order_by(table.kind, table.first_session, table.last_session, table.metric)
        )
        figures: defaultdict[str, list[Evaluation]] = defaultdict(list)
        with self._database.begin() as connection:
            rows = connection.execute(held).all()
            for row in connection.execute(evaluated):
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
    new = insert(evaluations).values(row | {"evaluated_at": func.clock_timestamp()})
    key = list(evaluations.primary_key)
    figures = [column.name for column in evaluations.c if column not in key]
    return new.on_conflict_do_update(
        index_elements=key, set_={name: new.excluded[name] for name in figures}
    )
