"""The adapter of `core.ports.ModelRegistry`: MLflow for names and figures, fsspec for the files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factorprism.core.errors import ArtefactError
from factorprism.core.files import hold_lock, write_atomic
from factorprism.core.housekeeping import StoredBundle
from factorprism.core.models import Evaluation, ModelRecord
from factorprism.registry._bundles import (
    BUNDLES,
    RETRAIN,
    fetch_bundle,
    holds_bundle,
    list_stored_bundles,
    remove_bundle,
    save_bundle,
    verify_bundle,
)
from factorprism.registry._client import explain, open_client
from factorprism.registry._runs import to_metrics, to_parameters
from factorprism.targets import target_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIASES = ("champion", "challenger")
METRICS_A_CALL = 1000  # MLflow's own limit


class MlflowRegistry:
    """Runs and models in the database at `tracking_url`, their files under `artefacts_url`.

    Experiment and registered model have the name of their signal; a run and a version are found by
    their tag `model_id`. `cache` keeps where verified bundles lie (and, of stores
    elsewhere, the bundles), so that a model that was fetched once is fetched again without
    asking MLflow; its hash is checked every time all the same.

    Every method raises `ArtefactError`, and `ServiceError` where the store cannot be reached.
    """

    def __init__(self, tracking_url: str, artefacts_url: str, cache: Path) -> None:
        self._tracking_url = tracking_url
        self._artefacts_url = artefacts_url.rstrip("/")
        self._cache = cache

    def log_training(
        self,
        record: ModelRecord,
        bundle: Path,
        evaluations: Sequence[Evaluation],
        history: Sequence[dict[str, float]],
    ) -> None:
        """Keep `bundle` and register its model; a model that is registered already stays as is.

        The version is written last. What a training that was cut off before has left is removed
        and written anew.
        """
        verify_bundle(bundle, record.artefact_hash, _check_id(record.model_id))
        name = _check_id(record.signal)
        with self._writing(f"model {record.model_id} cannot be registered"):
            if self._find_version(record.model_id, name) is None:
                self._remove_unfinished(name, record.model_id)
                self._register(name, record, bundle, evaluations, history)

    def fetch_bundle(self, model_id: str) -> Path:
        """Return a local folder with the bundle of `model_id`, every hash of it checked."""
        known = self._recall(_check_id(model_id))
        if known is not None:
            return known
        with explain(f"model {model_id} cannot be fetched"):
            version = self._find_version(model_id)
            if version is None:
                raise ArtefactError(f"no model {model_id} is registered", remedy=RETRAIN)
            expected = version.tags["artefact_hash"]
            url = self._locate(version)
            folder = fetch_bundle(url, expected, model_id, self._cache)
        self._remember(model_id, expected, url)
        return folder

    def set_alias(self, signal: str, alias: str, model_id: str) -> None:
        """Let `alias`, ``champion`` or ``challenger``, point to the registered `model_id`.

        A model that an earlier version has registered by universe and horizon is registered for
        `signal` on the way; its files stay where they are.
        """
        _check_alias(alias)
        name = _check_id(signal)
        _check_id(model_id)
        with self._writing(f"{model_id} cannot be made {alias} of {name}"):
            version = self._find_version(model_id, name) or self._adopt(model_id, name)
            self._client.set_registered_model_alias(name, alias, version.version)

    def get_alias(self, signal: str, alias: str) -> str | None:
        """Return the model id behind `alias`, or None."""
        _check_alias(alias)
        name = _check_id(signal)
        with explain(f"the {alias} of {name} cannot be looked up"):
            models = self._client.search_registered_models(f"name = '{name}'")
            number = models[0].aliases.get(alias) if models else None
            if number is None:
                return None
            model_id: str = self._client.get_model_version(name, number).tags["model_id"]
            return model_id

    def list_bundles(self) -> list[StoredBundle]:
        """Return every bundle in the artefact store, registered or not, by path."""
        with explain("the bundles cannot be listed"):
            owners: dict[str, str] = {}
            page: str | None = ""
            # Page by page to the end: a model that is left out would be taken for an orphan.
            while page is not None:
                versions = self._client.search_model_versions(page_token=page or None)
                owners |= {item.run_id: str(item.tags["model_id"]) for item in versions}
                page = versions.token or None
            return list_stored_bundles(self._artefacts_url, owners)

    def remove_model(self, model_id: str) -> None:
        """Remove the files of `model_id` and its registration; nothing happens without any.

        MLflow keeps the run as deleted, with its figures. The same model may be registered again.
        """
        _check_id(model_id)
        with self._writing(f"model {model_id} cannot be removed"):
            for version in self._client.search_model_versions(f"tags.model_id = '{model_id}'"):
                # The registration first: what is cut off here is an orphan and no broken model.
                self._client.delete_model_version(version.name, version.version)
                remove_bundle(self._locate(version))
                self._client.delete_run(version.run_id)
            self._note(model_id).unlink(missing_ok=True)
            for copy in self._cache.glob(f"{model_id}-*"):
                shutil.rmtree(copy)

    def remove_orphan(self, store_path: str) -> None:
        """Remove the bundle at `store_path`; raises `ArtefactError` where it is a model's."""
        with self._writing(f"the bundle at {store_path} cannot be removed"):
            found = {bundle.store_path: bundle for bundle in self.list_bundles()}
            if store_path in found and found[store_path].model_id:
                raise ArtefactError(
                    f"the bundle at {store_path} belongs to {found[store_path].model_id}"
                )
            remove_bundle(f"{self._artefacts_url}/{BUNDLES}/{store_path}")

    @cached_property
    def _client(self) -> MlflowClient:
        with hold_lock(self._cache / ".migration-lock"):
            return open_client(self._tracking_url)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with hold_lock(self._cache / ".lock"), explain(what):
            yield

    def _find_version(self, model_id: str, name: str | None = None) -> ModelVersion | None:
        query = f"tags.model_id = '{model_id}'"
        if name is not None:
            query += f" and name = '{name}'"
        found = self._client.search_model_versions(query)
        # Two machines may have registered the same content at once: all go by the first.
        return min(found, key=lambda version: (version.name, int(version.version)), default=None)

    def _adopt(self, model_id: str, name: str) -> ModelVersion:
        # Its name was the universe and the horizon, its target the one that is not named.
        known = self._find_version(model_id, name.replace(f"-{target_of({}).name}-", "-", 1))
        if known is None:
            raise ArtefactError(f"no model {model_id} is registered for {name}", remedy=RETRAIN)
        self._ensure_registered(name)
        return self._client.create_model_version(
            name, source=known.source, run_id=known.run_id, tags=known.tags
        )

    def _ensure_registered(self, name: str) -> None:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)

    def _remove_unfinished(self, name: str, model_id: str) -> None:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            return
        query = f"tags.model_id = '{model_id}'"
        for run in self._client.search_runs([experiment.experiment_id], query):
            remove_bundle(self._bundle_url(name, run.info.run_id))
            self._client.delete_run(run.info.run_id)

    def _register(
        self,
        name: str,
        record: ModelRecord,
        bundle: Path,
        evaluations: Sequence[Evaluation],
        history: Sequence[dict[str, float]],
    ) -> None:
        from mlflow.entities import Metric, Param

        tags = {"model_id": record.model_id, "artefact_hash": record.artefact_hash}
        run = self._client.create_run(
            self._experiment_id(name), tags=tags, run_name=record.model_id
        )
        run_id, moment = run.info.run_id, run.info.start_time
        parameters = [Param(*item) for item in to_parameters(record).items()]
        self._client.log_batch(run_id, params=parameters)
        metrics = [
            Metric(key, value, moment, step)
            for key, value, step in to_metrics(evaluations, history)
        ]
        for start in range(0, len(metrics), METRICS_A_CALL):
            self._client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_CALL])
        url = self._bundle_url(name, run_id)
        save_bundle(bundle, url)
        self._client.set_terminated(run_id)
        self._ensure_registered(name)
        self._client.create_model_version(name, source=url, run_id=run_id, tags=tags)

    def _experiment_id(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            location = f"{self._artefacts_url}/{BUNDLES}/{name}"
            return str(self._client.create_experiment(name, artifact_location=location))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)

    def _bundle_url(self, name: str, run_id: str) -> str:
        return f"{self._artefacts_url}/{BUNDLES}/{name}/{run_id}/artifacts/bundle"

    def _locate(self, version: ModelVersion) -> str:
        """Return where the files are: in the store of today, or where they were first written.

        The two differ after the home was moved or another store was configured.
        """
        url = self._bundle_url(version.name, version.run_id)
        return url if holds_bundle(url) else str(version.source)

    def _recall(self, model_id: str) -> Path | None:
        try:
            note: dict[str, Any] = json.loads(self._note(model_id).read_text())
            return fetch_bundle(note["url"], note["artefact_hash"], model_id, self._cache)
        except (OSError, ValueError, KeyError, ArtefactError):
            # Never fetched, moved or damaged: MLflow is asked, and has the last word.
            return None

    def _remember(self, model_id: str, artefact_hash: str, url: str) -> None:
        note = json.dumps({"artefact_hash": artefact_hash, "url": url})
        write_atomic(self._note(model_id), note)

    def _note(self, model_id: str) -> Path:
        return self._cache / f"{model_id}.json"


def _check_id(name: str) -> str:
    # Names stand in MLflow's queries and in paths.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name: {name!r}, allowed are letters, digits, '_', '.' and '-'")
    return name


def _check_alias(alias: str) -> None:
    if alias not in ALIASES:
        raise ValueError(f"alias: {alias!r}, allowed are {', '.join(ALIASES)}")
