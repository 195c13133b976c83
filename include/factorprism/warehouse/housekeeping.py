"""Tells retention which rows refer to what, and lets go of the content of merged pulls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select, text, update

from factorprism.core.housekeeping import StoredImageSet, StoredModel, StoredPayload
from factorprism.market.bars import PullState
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.moments import from_database, to_database
from factorprism.warehouse.models import image_sets
from factorprism.warehouse.pulls import pulls

# The first claim that holds is reported. A model that was ever champion may become it again, and a
# forecast's model is what its row is explained and audited by.
_MODELS = text(
    """
    SELECT m.model_id, m.signal, m.saved_at, CASE
        WHEN EXISTS (SELECT FROM prism.promotions p WHERE m.model_id = p.champion_id)
            THEN 'it was champion'
        WHEN EXISTS (SELECT FROM prism.forecasts f WHERE m.model_id = f.model_id)
            THEN 'a forecast names it'
        WHEN m.model_id IN (
            SELECT DISTINCT ON (p.signal) p.candidate_id FROM prism.promotions p
            ORDER BY p.signal, p.as_of DESC, p.decided_at DESC
        ) THEN 'the last decision was on it'
        ELSE '' END AS claim
    FROM prism.models m ORDER BY m.model_id
    """
)


class HousekeepingRepository:
    """Over models, image sets and pulls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_models(self) -> list[StoredModel]:
        """Return every recorded model with what refers to it, by id."""
        with self._database.begin() as connection:
            return [
                StoredModel(row.model_id, row.signal, from_database(row.saved_at), row.claim)
                for row in connection.execute(_MODELS)
            ]

    def list_image_sets(self) -> list[StoredImageSet]:
        """Return every recorded image set, by hash."""
        statement = select(
            image_sets.c.image_set_hash, image_sets.c.path, image_sets.c.saved_at
        ).order_by(image_sets.c.image_set_hash)
        with self._database.begin() as connection:
            return [
                StoredImageSet(row.image_set_hash, row.path, from_database(row.saved_at))
                for row in connection.execute(statement)
            ]

    def list_payloads(self, merged_before: datetime) -> list[StoredPayload]:
        """Return the accepted pulls whose content is kept and was merged before (naive, UTC)."""
        with self._database.begin() as connection:
            rows = connection.execute(_old_payloads(merged_before)).all()
        return [
            StoredPayload(
                row.pull_id,
                row.symbol,
                row.first_session,
                row.last_session,
                from_database(row.marked_at),
                row.n_bytes,
            )
            for row in rows
        ]

    def clear_payload(self, pull_id: int) -> bool:
        """Drop the content of an accepted pull and keep its row and hash; False: nothing to do."""
        statement = (
            update(pulls)
            .where(
                pulls.c.pull_id == pull_id,
                pulls.c.state == PullState.ACCEPTED.value,
                func.octet_length(pulls.c.payload) > 0,
            )
            .values(payload=b"")
        )
        with self._database.begin() as connection:
            return connection.execute(statement).rowcount == 1


def _old_payloads(merged_before: datetime) -> Select[tuple[object, ...]]:
    n_bytes = func.octet_length(pulls.c.payload)
    wanted = (
        pulls.c.pull_id,
        pulls.c.symbol,
        pulls.c.first_session,
        pulls.c.last_session,
        pulls.c.marked_at,
    )
    return (
        select(*wanted, n_bytes.label("n_bytes"))
        .where(
            pulls.c.state == PullState.ACCEPTED.value,
            pulls.c.marked_at < to_database(merged_before),
            n_bytes > 0,
        )
        .order_by(pulls.c.pull_id)
    )
