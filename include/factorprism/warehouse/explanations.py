"""Holds why each forecast came out as it did."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date

from sqlalchemy import Date, Index, Table, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from factorprism.core.contest import Explanation
from factorprism.warehouse.db.base import (
    MODEL,
    SIGNAL,
    column,
    metadata,
    moment,
)
from factorprism.warehouse.db.connection import Database

explanations = Table(
    "explanations",
    metadata,
    column("signal", Text(), SIGNAL, primary_key=True),
    column("session", Date(), "Session whose close the forecast read last.", primary_key=True),
    column("model_id", Text(), MODEL, primary_key=True),
    column("attribution", JSONB(), "Share of channels, factors and days in the logit."),
    column("shapley", JSONB(), "Shapley values of the image's parts (SHAP)."),
    column("surrogate", JSONB(), "Weights of a local linear surrogate (LIME) and its fit."),
    column("baselines", JSONB(), "Attribution of the plain baselines' forecasts of the day."),
    column("stability", JSONB(), "Rank agreement with networks of other seeds, -1 to 1."),
    column(
        "nearest_neighbours", JSONB(), "Nearest past images, what followed, and the novelty limit."
    ),
    moment("explained_at", "When the explanation was last written."),
    Index(None, "explained_at"),
    comment="Why each forecast came out as it did, and the past images most like the day's.",
)


class ExplanationRepository:
    """Over ``explanations``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_explanation(self, explanation: Explanation) -> None:
        """Keep `explanation`; one of the same forecast is replaced."""
        values = asdict(explanation) | {"explained_at": func.clock_timestamp()}
        new = insert(explanations).values(values)
        key = list(explanations.primary_key)
        changed = [column.name for column in explanations.c if column not in key]
        with self._database.begin() as connection:
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=key, set_={name: new.excluded[name] for name in changed}
                )
            )

    def list_explained(self, signal: str) -> list[tuple[date, str]]:
        """Return session and model of each explanation that is held of `signal`, ascending."""
        key = (explanations.c.session, explanations.c.model_id)
        statement = select(*key).where(explanations.c.signal == signal).order_by(*key)
        with self._database.begin() as connection:
            return [(row.session, row.model_id) for row in connection.execute(statement)]

    def load_explanation(self, signal: str, session: date, model_id: str) -> Explanation | None:
        """Return the explanation of one forecast; None when it has none."""
        table = explanations.c
        statement = select(explanations).where(
            table.signal == signal,
            table.session == session,
            table.model_id == model_id,
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Explanation(**{item.name: getattr(row, item.name) for item in fields(Explanation)})
