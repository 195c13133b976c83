"""The values as the official chart renders them: every command in the image, every pod confined.

The chart comes from no package registry: name it by ``AIRFLOW_CHART``, a folder or an archive of
release 1.22.0, and have Helm by ``pip install helm-python-sdk``. Without both, the pods that the
values write themselves are checked all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.deployment import manifests

Faults = Callable[[dict[str, Any]], list[str]]

CHART = os.environ.get("AIRFLOW_CHART", "")
IMAGE = "registry.example.com/factorprism:0.1.0"
PARTS = ("scheduler", "dagProcessor", "triggerer")
# What the chart calls unless it is asked otherwise, in an image other than Airflow's own too.
CHECK = "CONNECTION_CHECK_MAX_COUNT=0 AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR exec /entrypoint \\\n"
CHART_DEFAULTS = (
    ["sh", "-c", f"{CHECK}airflow jobs check --job-type SchedulerJob --local\n"],
    ["sh", "-c", f"{CHECK}airflow jobs check --local --job-type DagProcessorJob\n"],
    ["sh", "-c", f"{CHECK}airflow jobs check --job-type TriggererJob --local\n"],
    ["bash", "/clean-logs"],
    *(["bash", "-c", f"exec airflow {part}"] for part in ("scheduler", "dag-processor")),
    *(["bash", "-c", f"exec airflow {part}"] for part in ("triggerer", "api-server")),
    ["bash", "-c", "exec \\\nairflow db migrate"],
    ["airflow", "db", "check-migrations", "--migration-wait-timeout=60"],
)


@pytest.fixture(scope="module")
def faults(repository_root: Path) -> Faults:
    """What keeps a manifest's pods from running our image, confined."""
    content = manifests.image_content(repository_root)

    def find(manifest: dict[str, Any]) -> list[str]:
        return manifests.faults_of(manifest, content, IMAGE)

    return find


def deployment(container: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A pod as the chart makes it, with the values' security contexts and bounds."""
    confined = {
        "securityContext": values["securityContexts"]["containers"],
        "resources": values["scheduler"]["resources"],
    }
    pod = {
        "securityContext": values["securityContexts"]["pod"],
        "containers": [{"name": "it", "image": IMAGE, **confined, **container}],
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "part"},
        "spec": {"template": {"spec": pod}},
    }


@pytest.mark.parametrize("part", PARTS)
def test_probes_call_what_the_image_has(values: dict[str, Any], faults: Faults, part: str) -> None:
    probes = {name: values[part][name] for name in values[part] if name.endswith("Probe")}
    assert "livenessProbe" in probes
    container = {name: {"exec": {"command": probe["command"]}} for name, probe in probes.items()}
    assert not faults(deployment(container, values))
    for probe in probes.values():
        assert probe["timeoutSeconds"] >= 15


@pytest.mark.parametrize("command", CHART_DEFAULTS)
def test_what_the_chart_calls_by_default_is_in_the_image(
    values: dict[str, Any], faults: Faults, command: list[str]
) -> None:
    assert not faults(deployment({"args": command}, values))


def test_containers_that_the_values_add_are_confined_and_call_what_is_there(
    values: dict[str, Any], faults: Faults
) -> None:
    (users,) = values["apiServer"]["extraInitContainers"]
    assert not faults(deployment(users, values))
    job = values["migrateDatabaseJob"]
    migrate = {"args": job["args"], "volumeMounts": job["extraVolumeMounts"]}
    assert not faults(deployment(migrate, values))


def test_the_dead_mans_switch_is_a_pod_like_the_others(
    values: dict[str, Any], faults: Faults, repository_root: Path
) -> None:
    job = yaml.safe_load((repository_root / "deploy" / "helm" / "health.yaml").read_text())
    assert not faults(job)
    ((_, pod),) = manifests.pods_of(job)
    known = {}
    for entry in values["env"] + yaml.safe_load(values["extraEnv"]):
        known[entry["name"]] = {"value": entry["value"].replace("{{ .Release.Name }}", "prism")}
    for entry in values["secret"]:
        ref = {"name": entry["secretName"], "key": entry["secretKey"]}
        known[entry["envName"]] = {"valueFrom": {"secretKeyRef": ref}}
    for setting in pod["containers"][0]["env"]:
        assert {key: setting[key] for key in setting if key != "name"} == known[setting["name"]]


def test_the_dead_mans_switch_holds_no_secret_that_it_does_not_ask_with(
    repository_root: Path,
) -> None:
    job = yaml.safe_load((repository_root / "deploy" / "helm" / "health.yaml").read_text())
    ((_, pod),) = manifests.pods_of(job)
    secrets = {setting["name"] for setting in pod["containers"][0]["env"] if "valueFrom" in setting}
    assert secrets == {"FACTORPRISM_WAREHOUSE_READER_URL", "TUSHARE_TOKEN"}


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        ({"args": ["bash", "/gone"]}, "calls /gone"),
        ({"args": ["sh", "-c", "exec /entrypoint2 airflow version"]}, "calls /entrypoint2"),
        ({"command": ["dumb-init"]}, "calls dumb-init"),
        ({"livenessProbe": {"exec": {"command": ["curl", "x"]}}}, "calls curl"),
        ({"securityContext": {"allowPrivilegeEscalation": False}}, "capabilities are not dropped"),
        ({"securityContext": None}, "privileges may be escalated"),
        ({"resources": {"requests": {"memory": "1Gi"}}}, "memory is not bounded"),
        ({"image": "busybox"}, "runs busybox"),
    ],
)
def test_faults_are_found(
    values: dict[str, Any], faults: Faults, container: dict[str, Any], fault: str
) -> None:
    assert fault in " ".join(faults(deployment(container, values)))


@pytest.fixture(scope="module")
def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    if not CHART:
        pytest.skip("AIRFLOW_CHART names no chart")
    helm = pytest.importorskip("helm_python", reason="pip install helm-python-sdk")
    chart = helm.Chart.load(CHART)
    texts = chart.render(values, name="prism", namespace="prism", is_install=True)
    plain = [text for name, text in texts.items() if name.endswith((".yaml", ".yml"))]
    return [part for text in plain for part in yaml.safe_load_all(text) if part]


def test_every_pod_of_the_chart_runs_our_image_confined(
    rendered: list[dict[str, Any]], faults: Faults
) -> None:
    pods = [where for manifest in rendered for where, _ in manifests.pods_of(manifest)]
    assert len(pods) >= 6, pods  # four parts, the migration, the pods of tasks
    found = [fault for manifest in rendered for fault in faults(manifest)]
    assert not found


def test_no_volume_but_the_backups_is_claimed(rendered: list[dict[str, Any]]) -> None:
    assert not [part for part in rendered if part["kind"] == "PersistentVolumeClaim"]
