"""Holds why each forecast came out as it did."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.contest import Explanation
from factorprism.warehouse._connection import Database
from factorprism.warehouse.tables import explanations


class ExplanationRepository:
    """`ExplanationStore` over ``explanations``."""

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

    def load_explanation(
        self, target: str, session: date, horizon: int, model_id: str
    ) -> Explanation | None:
        """Return the explanation of one forecast; None when it has none."""
        table = explanations.c
        statement = select(explanations).where(
            table.target == target,
            table.session == session,
            table.horizon == horizon,
            table.model_id == model_id,
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Explanation(**{item.name: getattr(row, item.name) for item in fields(Explanation)})
