"""docker-compose.yml: what each profile starts, how it is confined, and where its secrets go."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEFAULT = {
    "postgres",
    "redis",
    "init",
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "worker",
}
WORKERS = ("worker", "worker-scale", "worker-gpu")
WITHOUT_HEALTH_CHECK = {
    "init",  # runs once; others wait for its success
    "otel-collector",  # its image has no program to ask with; Prometheus scrapes it
}
PUBLISHED = {"api-server": "8080", "grafana": "3000"}

Read = Callable[..., dict[str, Any]]
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("profile", "added"),
    [
        ("", set()),
        ("gpu", {"worker-gpu"}),
        ("scale", {"worker-scale"}),
        ("monitoring", {"otel-collector", "prometheus", "alertmanager", "grafana"}),
    ],
)
def test_each_profile_is_valid_and_adds_its_services(
    read_compose: Read, profile: str, added: set[str]
) -> None:
    model = read_compose(*([profile] if profile else []))
    assert set(model["services"]) == DEFAULT | added


def test_every_secret_is_asked_for_and_none_has_a_default(
    call_compose: Call, secret_names: set[str], compose_text: str
) -> None:
    known = dict.fromkeys(secret_names, "x")
    for name in secret_names:
        others = {key: value for key, value in known.items() if key != name}
        for variables in (others, {**others, name: ""}):
            refused = call_compose("config", "--quiet", variables=variables)
            assert refused.returncode != 0, name
            assert f"required variable {name} is missing a value" in refused.stderr
    words = ("PASSWORD", "SECRET", "TOKEN", "_KEY")
    mentioned = {
        name.split("}")[0]
        for name in compose_text.replace("$${", "").split("${")[1:]
        if any(word in name.split("}")[0].split(":")[0] for word in words)
    }
    assert mentioned == {f"{name}:?run make secrets" for name in secret_names}


def test_secrets_that_are_not_set_are_absent_rather_than_empty(services: Any) -> None:
    optional = ("TUSHARE_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    for name in WORKERS:
        environment = services[name]["environment"]
        assert [environment[variable] for variable in optional] == [None] * len(optional)


def test_each_service_has_a_health_check_or_a_stated_reason(services: Any) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == WITHOUT_HEALTH_CHECK


def test_every_service_is_confined(services: Any) -> None:
    for name, service in services.items():
        user, group = service["user"].split(":")
        assert int(user) > 0, name
        assert int(group) > 0 or name == "grafana", "Grafana's image wants the group 0"
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) >= {"cpus", "memory", "pids"}, name
        assert not set(service) & {"privileged", "network_mode", "pid", "ipc", "cap_add"}, name


def test_pages_are_published_on_loopback_alone(services: Any) -> None:
    published = {
        name: [(port["host_ip"], port["published"]) for port in service["ports"]]
        for name, service in services.items()
        if "ports" in service
    }
    assert published == {name: [("127.0.0.1", port)] for name, port in PUBLISHED.items()}


def test_images_are_pinned_and_ours_is_built_from_one_file(services: Any) -> None:
    ours = {name: service for name, service in services.items() if "build" in service}
    assert {service["image"] for service in ours.values()} == {
        "factorprism:0.1.0",
        "factorprism:0.1.0-gpu",
    }
    assert ours["worker-gpu"]["build"]["args"] == {"REQUIREMENTS": "requirements-gpu.txt"}
    for name, service in services.items():
        tag = service["image"].split("@")[0].rsplit(":", 1)[1]
        assert tag[0].isdigit() or tag[0] == "v", name
        assert tag.count(".") >= 1, name
    # Tags of Docker's official images are built anew with each fix of Debian; these are not.
    for name in ("otel-collector", "prometheus", "alertmanager", "grafana"):
        assert len(services[name]["image"].split("@sha256:")[1]) == 64


def test_no_worker_is_told_where_airflows_tables_and_keys_are(services: Any) -> None:
    kept = {
        f"secret-of-{name}"
        for name in (
            "POSTGRES_PASSWORD",
            "AIRFLOW_DB_PASSWORD",
            "AIRFLOW_FERNET_KEY",
            "AIRFLOW_JWT_SECRET",
            "AIRFLOW_API_SECRET_KEY",
            "AIRFLOW_ADMIN_PASSWORD",
        )
    }
    for name in WORKERS:
        seen = " ".join(filter(None, services[name]["environment"].values()))
        assert not [secret for secret in kept if secret in seen], name
        assert "secret-of-PRISM_DB_PASSWORD" in seen
    assert "secret-of-AIRFLOW_JWT_SECRET" in str(services["scheduler"]["environment"])


def test_both_queues_are_served_by_default_and_the_gpu_can_have_its_own(
    read_compose: Read,
) -> None:
    assert read_compose()["services"]["worker"]["command"][-1] == "default,gpu"
    split = read_compose("gpu", WORKER_QUEUES="default")["services"]
    assert split["worker"]["command"][-1] == "default"
    assert split["worker-gpu"]["command"][-1] == "gpu"
    (device,) = split["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])


def test_a_message_outlives_the_longest_task_and_a_lost_worker_does_not(services: Any) -> None:
    environment = services["scheduler"]["environment"]
    transport = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    assert int(environment[transport]) >= 24 * 3600 > 12 * 3600  # a training's time limit
    assert services["worker"]["environment"][transport] == environment[transport]
    silence = int(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    assert 12 * 5 <= silence <= 300  # a dozen words missed, within one restart of the UI


@pytest.mark.parametrize("profile", ["", "monitoring"])
def test_every_mounted_file_is_in_the_repository(
    read_compose: Read, repository_root: Path, profile: str
) -> None:
    binds = [
        Path(volume["source"])
        for service in read_compose(*([profile] if profile else []))["services"].values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]
    assert binds
    assert not [path for path in binds if not path.exists()]
    assert all(path.is_relative_to(repository_root) for path in binds)


def test_the_shells_in_it_are_sound(services: Any) -> None:
    scripts = [
        service["command"][-1].replace("$$", "$")
        for service in services.values()
        if "-ec" in (service["entrypoint"] or []) + (service["command"] or [])
    ]
    assert len(scripts) == 3
    for script in scripts:
        done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
