"""deploy/helm/values.yaml: one version of everything, secrets by name, one volume for backups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from factorprism.core.config import AIRFLOW_UI_URL
from factorprism.services import EXECUTION_API_URL


@pytest.fixture(scope="module")
def text(repository_root: Path) -> str:
    return (repository_root / "deploy" / "helm" / "values.yaml").read_text()


def test_versions_agree_with_the_package_and_the_compose_file(
    values: dict[str, Any], text: str, compose_text: str, repository_root: Path
) -> None:
    project = (repository_root / "pyproject.toml").read_text()
    assert f'"apache-airflow=={values["airflowVersion"]}"' in project
    assert f'version = "{values["defaultAirflowTag"]}"' in project
    for tag in re.findall(r"factorprism:(\S+?)[\"\s]", text):
        assert f"image: factorprism:{tag}\n" in compose_text
    assert values["executor"] == "KubernetesExecutor"
    pins = (repository_root / "requirements.txt").read_text()
    assert "apache-airflow-providers-cncf-kubernetes==" in pins


def test_secrets_are_named_and_never_written(values: dict[str, Any], text: str) -> None:
    written = ("fernetKey", "apiSecretKey", "jwtSecret", "webserverSecretKey", "extraSecrets")
    assert not set(values) & set(written)
    assert set(values["data"]) == {"metadataSecretName"}
    for entry in values["secret"]:
        assert set(entry) == {"envName", "secretName", "secretKey"}
    plain = {entry["name"] for entry in values["env"]} - {AIRFLOW_UI_URL}
    assert not [name for name in plain if re.search("PASSWORD|SECRET|TOKEN|KEY|_URL", name)]
    assert not re.search(r"://[^/\s\"]*:[^/\s\"]*@", text)


def test_nothing_but_backups_is_kept_on_a_volume(
    values: dict[str, Any], repository_root: Path
) -> None:
    environ = {entry["name"]: entry["value"] for entry in values["env"]}
    assert environ["FACTORPRISM_ARTEFACTS"].startswith("s3://")
    for part in ("triggerer", "dags", "logs"):
        assert values[part]["persistence"] == {"enabled": False}
    assert not values["postgresql"]["enabled"]
    assert not values["redis"]["enabled"]
    claim = yaml.safe_load((repository_root / "deploy" / "helm" / "backups.yaml").read_text())
    assert claim["kind"] == "PersistentVolumeClaim"
    settings = values["airflowLocalSettings"]
    assert f'BACKUP_CLAIM = "{claim["metadata"]["name"]}"' in settings
    assert f'BACKUP_FOLDER = "{environ["FACTORPRISM_BACKUPS"]}"' in settings


def test_pods_run_without_root_and_within_limits(values: dict[str, Any]) -> None:
    assert values["securityContexts"]["pod"]["runAsNonRoot"] is True
    assert values["securityContexts"]["pod"]["runAsUser"] == values["uid"] == 50000
    assert values["securityContexts"]["pod"]["fsGroup"] == values["gid"] == 50000
    contexts = [values["securityContexts"]["containers"]]
    contexts += [added["securityContext"] for added in values["apiServer"]["extraInitContainers"]]
    for context in contexts:
        assert context["allowPrivilegeEscalation"] is False
        assert context["runAsNonRoot"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
    parts = ("apiServer", "scheduler", "dagProcessor", "triggerer", "migrateDatabaseJob")
    groomers = [values[name]["logGroomerSidecar"] for name in parts[1:4]]
    for part in [*(values[name] for name in parts), values["workers"]["kubernetes"], *groomers]:
        assert "memory" in part["resources"]["limits"]


def test_a_lost_pod_is_seen_as_soon_as_a_lost_worker(
    values: dict[str, Any], compose_text: str
) -> None:
    for name, value in values["config"]["scheduler"].items():
        assert f'AIRFLOW__SCHEDULER__{name.upper()}: "{value}"' in compose_text


def test_every_pod_knows_where_airflow_is_for_people_and_for_itself(
    values: dict[str, Any],
) -> None:
    environ = {entry["name"]: entry["value"] for entry in values["env"]}
    assert environ[AIRFLOW_UI_URL].startswith("https://")
    (inside,) = yaml.safe_load(values["extraEnv"].replace("{{ .Release.Name }}", "prism"))
    assert inside["name"] == EXECUTION_API_URL
    assert inside["value"] == "http://prism-api-server:8080/execution/"
