"""The Helm values against the DAGs: who gets a device on Kubernetes, who the backups' volume."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


@pytest.fixture(scope="module")
def values(repository_root: Path) -> dict[str, Any]:
    text = (repository_root / "deploy" / "helm" / "values.yaml").read_text()
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def settings(values: dict[str, Any]) -> dict[str, Any]:
    """The names that Airflow finds in its local settings."""
    assert "{{" not in values["airflowLocalSettings"]  # the chart would take it for a template
    names: dict[str, Any] = {}
    exec(values["airflowLocalSettings"], names)
    return names


def build_pod(task_id: str) -> Any:
    resources = SimpleNamespace(limits={"memory": "6Gi"}, requests={"cpu": "1"})
    container = SimpleNamespace(image="plain", resources=resources)
    return SimpleNamespace(
        metadata=SimpleNamespace(labels={"dag_id": "any", "task_id": task_id}),
        spec=SimpleNamespace(containers=[container]),
    )


def test_the_tasks_of_the_queue_gpu_are_those_that_get_a_device(
    settings: dict[str, Any], dag_bag: DagBag
) -> None:
    tasks = [task for dag in dag_bag.dags.values() for task in dag.tasks]
    assert settings["GPU_TASKS"] == {task.task_id for task in tasks if task.queue == "gpu"}
    assert not settings["GPU_TASKS"] & {task.task_id for task in tasks if task.queue != "gpu"}


def test_a_pod_is_changed_for_them_alone(settings: dict[str, Any]) -> None:
    for task_id in ("train_candidate", "pull_bars"):
        pod = build_pod(task_id)
        settings["pod_mutation_hook"](pod)
        (container,) = pod.spec.containers
        wanted = task_id == "train_candidate"
        assert container.image == (settings["GPU_IMAGE"] if wanted else "plain")
        assert ("nvidia.com/gpu" in container.resources.limits) is wanted
        assert container.resources.requests == {"cpu": "1"}


def test_a_pod_without_labels_or_limits_is_no_stumbling_block(settings: dict[str, Any]) -> None:
    bare, unlimited = build_pod("forecast"), build_pod("forecast")
    bare.metadata.labels = None
    settings["pod_mutation_hook"](bare)
    assert bare.spec.containers[0].image == "plain"
    unlimited.spec.containers[0].resources.limits = None
    settings["pod_mutation_hook"](unlimited)
    assert unlimited.spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"


def test_the_task_that_writes_backups_gets_their_volume_and_no_other(
    settings: dict[str, Any], values: dict[str, Any], dag_bag: DagBag
) -> None:
    from kubernetes.client import models

    def change(task_id: str) -> models.V1PodSpec:
        spec = models.V1PodSpec(containers=[models.V1Container(name="base")])
        pod = models.V1Pod(metadata=models.V1ObjectMeta(labels={"task_id": task_id}), spec=spec)
        settings["pod_mutation_hook"](pod)
        return spec

    tasks = [task for dag in dag_bag.dags.values() for task in dag.tasks]
    assert settings["BACKUP_TASKS"] == {t.task_id for t in tasks if "back_up" in t.task_id}
    for task_id in settings["BACKUP_TASKS"]:
        spec = change(task_id)
        (volume,), (mount,) = spec.volumes, spec.containers[0].volume_mounts
        assert volume.persistent_volume_claim.claim_name == settings["BACKUP_CLAIM"]
        environ = {entry["name"]: entry["value"] for entry in values["env"]}
        assert mount.mount_path == environ["FACTORPRISM_BACKUPS"]
        assert mount.name == volume.name
    assert not change("remove_expired").volumes
