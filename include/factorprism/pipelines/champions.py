"""The champion in force at a session, read from the promotions ledger, and its bundle."""

from __future__ import annotations

from datetime import date

from factorprism.core.schemas import ModelRecord
from factorprism.factors import Normaliser
from factorprism.models import ModelBundle, load_bundle, load_normaliser
from factorprism.pipelines._run import Run


def champion_at(run: Run, session: date) -> str | None:
    """Return the id of the model that held the title at `session`, or None.

    The ledger decides, not the registry's alias: a session before a promotion must not be read
    by the model that was promoted later.
    """
    holder = None
    for promotion in run.ports.warehouse.models.list_promotions(
        run.config.universe_name, run.config.horizon
    ):
        if promotion.as_of <= session and promotion.champion_id:
            holder = promotion.champion_id
    return holder


def load_champion(run: Run, model_id: str) -> tuple[ModelRecord, ModelBundle]:
    """Return the record and the verified bundle of `model_id`; raises `ArtefactError`."""
    record = run.ports.warehouse.models.load_model(model_id)
    folder = run.ports.registry.fetch_bundle(model_id)
    return record, load_bundle(folder, record.artefact_hash)


def load_scale(run: Run, model_id: str) -> Normaliser:
    """Return the scale of `model_id` alone, verified; raises `ArtefactError`."""
    record = run.ports.warehouse.models.load_model(model_id)
    return load_normaliser(run.ports.registry.fetch_bundle(model_id), record.artefact_hash)
