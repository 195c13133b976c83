"""docker-compose.yml: what each profile starts, how it is confined, and where its secrets go."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.config import Config, load_config
from factorprism.core.setting import variables_of

DEFAULT = {
    "postgres",
    "redis",
    "init",
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "worker",
    "mlflow",
    "data-docs",
}
WORKERS = ("worker", "worker-scale", "worker-gpu")
ALIVE = Path("deploy", "image", "alive.py")
WITHOUT_HEALTH_CHECK = {
    "init",  # runs once; others wait for its success
    "otel-collector",  # its image has no program to ask with; Prometheus scrapes it
}
PUBLISHED = {"api-server": "8080", "mlflow": "5000", "data-docs": "8000", "grafana": "3000"}
# What this file alone knows, and settings.env cannot change.
FIXED = {
    "FACTORPRISM_HOME",
    "FACTORPRISM_FILES",
    "FACTORPRISM_WAREHOUSE_URL",
    "FACTORPRISM_TRACKING_URL",
}
# Logins of the warehouse that one container alone receives.
ONE_ALONE = {
    "FACTORPRISM_WAREHOUSE_OWNER_URL": "init",
    "FACTORPRISM_WAREHOUSE_READER_URL": "api-server",
}
# The containers that read factorprism's settings: Airflow's parts, and whatever runs tasks.
READERS = (
    "init",
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "worker",
    "worker-scale",
    "worker-gpu",
)

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
    # Absent or empty by turns: each call takes a while, and below all are asked for alike.
    for number, name in enumerate(sorted(secret_names)):
        others = {key: value for key, value in known.items() if key != name}
        variables = {**others, name: ""} if number % 2 else others
        refused = call_compose("config", "--quiet", variables=variables)
        assert refused.returncode != 0, name
        assert f"required variable {name} is missing a value" in refused.stderr
    words = ("PASSWORD", "SECRET", "TOKEN", "_KEY")
    mentioned = {
        name.split("}")[0]
        for name in compose_text.replace("$${", "").split("${")[1:]
        if any(word in name.split("}")[0].split(":")[0] for word in words)
    }
    mentioned.discard("TUSHARE_TOKEN:+TUSHARE_TOKEN ")  # only named, where it stands amiss
    assert mentioned == {f"{name}:?run make secrets" for name in secret_names}


def airflow_default(section: str, option: str) -> str:
    """Return the default of one of Airflow's options from its own list; nothing is imported."""
    found = importlib.util.find_spec("airflow")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).with_name("config_templates") / "config.yml"
    text = file.read_text()
    part = text[text.index(f"\n{section}:\n") :]
    part = part[part.index(f"\n    {option}:\n") :]
    default = re.search(r'^      default: "?([^"\n]+)"?$', part, re.MULTILINE)
    assert default is not None
    return default[1]


def setting_names() -> set[str]:
    """The variables by which the fields of the configuration are set."""
    fields = Config.model_fields.items()
    return {variables_of(name, field)[0] for name, field in fields}


@pytest.fixture(scope="module")
def services_with_every_setting(read_compose: Read) -> dict[str, dict[str, Any]]:
    """Every service, where settings.env sets every setting to a value of its own."""
    settings = {name: f"value-of-{name}" for name in setting_names()}
    services: dict[str, dict[str, Any]] = read_compose("*", settings=settings)["services"]
    return services


@pytest.mark.parametrize("name", READERS)
def test_every_setting_reaches_every_container_that_reads_settings(
    services_with_every_setting: Any, name: str
) -> None:
    environment = services_with_every_setting[name]["environment"]
    lost = {
        setting
        for setting in setting_names() - FIXED - set(ONE_ALONE)
        if environment.get(setting) != f"value-of-{setting}"
    }
    assert not lost
    # The folder of files is set once FILES_FOLDER names one.
    assert all(environment[setting] for setting in FIXED - {"FACTORPRISM_FILES"})


def test_the_compose_file_sets_no_setting_of_its_own_but_the_fixed_ones(services: Any) -> None:
    for name in READERS:
        own = {key for key in services[name]["environment"] if key.startswith("FACTORPRISM_")}
        assert own == FIXED | {key for key, only in ONE_ALONE.items() if only == name}, name


def test_each_container_gets_the_login_that_it_needs_and_no_other(services: Any) -> None:
    owner, reader = ("secret-of-PRISM_OWNER_DB_PASSWORD", "secret-of-PRISM_READER_DB_PASSWORD")
    writer = "secret-of-PRISM_WRITER_DB_PASSWORD"
    environments = {
        name: json.dumps(service.get("environment", {})) for name, service in services.items()
    }
    knows = {
        word: {name for name in environments if word in environments[name]}
        for word in (owner, reader, writer)
    }
    assert knows[owner] == {"postgres", "init"}
    assert knows[reader] == {"postgres", "api-server"}
    assert knows[writer] == {"postgres", *READERS} - {"api-server"}


def test_every_url_is_one_that_the_configuration_takes(services: Any) -> None:
    for name in READERS:
        held = services[name]["environment"]
        urls = {key: value for key, value in held.items() if re.match("FACTORPRISM_.*_URL", key)}
        config = load_config(urls)
        assert config.reader_url.startswith("postgresql://prism_")
        assert "sslmode=disable" in config.owner_url


def test_the_template_of_the_settings_names_real_ones_and_sets_none(repository_root: Path) -> None:
    lines = (repository_root / "deploy" / "settings.env").read_text().splitlines()
    named = {line[1:].split("=")[0] for line in lines if re.match(r"#[A-Z_]+=", line)}
    assert not [line for line in lines if line and not line.startswith("#")]
    assert "FACTORPRISM_SOURCE" in named
    assert {name for name in named if not name.startswith("AWS_")} <= setting_names() - FIXED - set(
        ONE_ALONE
    )


def test_settings_that_are_not_set_are_absent_rather_than_empty(services: Any) -> None:
    for name in READERS:
        held = services[name]["environment"]
        assert not [key for key in held if key.startswith(("TUSHARE", "AWS_", "OTEL_"))], name


def test_a_setting_that_stands_where_no_container_sees_it_stops_the_start(
    read_compose: Read,
) -> None:
    def start(
        seen: dict[str, str] | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        init = read_compose(**variables)["services"]["init"]
        script = init["command"][-1].replace("$$", "$").split("umask")[0]
        environ = {"MISPLACED": init["environment"]["MISPLACED"], **(seen or {})}
        return subprocess.run(
            ["sh", "-ec", script], env=environ, capture_output=True, text=True, timeout=30
        )

    refused = start(FACTORPRISM_SOURCE="files", TUSHARE_TOKEN="x")
    assert refused.returncode == 1
    assert "FACTORPRISM_SOURCE TUSHARE_TOKEN" in refused.stderr
    assert "Move them to settings.env" in refused.stderr
    assert start().returncode == 0
    assert start({"TUSHARE_TOKEN": "y"}, TUSHARE_TOKEN="x").returncode == 0


def test_what_tasks_have_the_triggerer_has_too(services: Any) -> None:
    def mounts(name: str) -> set[str]:
        return {volume["target"] for volume in services[name]["volumes"]}

    assert mounts("triggerer") >= mounts("worker") >= {"/var/lib/factorprism", "/var/lib/files"}
    assert set(services["triggerer"]["environment"]) >= set(services["worker"]["environment"])


def test_files_come_from_a_folder_that_can_be_named(
    read_compose: Read, tmp_path: Path, services: Any
) -> None:
    def mounted(service: Any) -> dict[str, Any]:
        (volume,) = [item for item in service["volumes"] if item["target"] == "/var/lib/files"]
        return dict(volume)

    assert mounted(services["worker"])["type"] == "volume"
    # Without a folder nothing says that the source is files.
    assert not services["worker"]["environment"]["FACTORPRISM_FILES"]
    worker = read_compose(FILES_FOLDER=str(tmp_path))["services"]["worker"]
    assert worker["environment"]["FACTORPRISM_FILES"] == "/var/lib/files"
    named = mounted(worker)
    assert (named["type"], named["source"]) == ("bind", str(tmp_path))
    assert named["read_only"] is True


def test_the_public_address_of_the_pages_is_a_setting(read_compose: Read, services: Any) -> None:
    def address(service: Any) -> str:
        return str(service["environment"]["AIRFLOW__API__BASE_URL"])

    assert address(services["worker"]) == "http://127.0.0.1:8080"
    moved = read_compose(UI_PORT="9090")["services"]
    assert address(moved["worker"]) == "http://127.0.0.1:9090"
    assert moved["api-server"]["ports"][0]["published"] == "9090"
    public = read_compose(UI_URL="https://prism.example.com")["services"]
    for name in READERS[:6]:
        assert address(public[name]) == "https://prism.example.com"


def test_dags_are_on_and_parsed_seldom(services: Any) -> None:
    environment = services["dag-processor"]["environment"]
    assert environment["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
    assert int(environment["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"]) >= 300


def test_each_service_has_a_health_check_or_a_stated_reason(services: Any) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == WITHOUT_HEALTH_CHECK


def test_health_is_asked_without_starting_airflow(services: Any, repository_root: Path) -> None:
    program_text = (repository_root / ALIVE).read_text()
    ours = {
        name: service["healthcheck"]
        for name, service in services.items()
        if service["image"].startswith("factorprism:") and "healthcheck" in service
    }
    assert set(ours) == {*READERS, "mlflow", "data-docs"} - {"init"}
    for name, check in ours.items():
        program, part = check["test"][1:]
        assert program == "alive", name
        own = name.removesuffix("-scale").removesuffix("-gpu")
        assert part == own or re.fullmatch(r"\d+/\w*", part), name
        assert f'"{part}"' in program_text or "/" in part
        assert check["interval"] == "30s", name


def test_the_scheduler_rests_between_its_rounds(services: Any) -> None:
    # A tenth of a second costs a third of a core without any task.
    resting = "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"
    assert float(services["scheduler"]["environment"].get(resting, 1.0)) >= 1.0


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
    built = {name: service for name, service in services.items() if "build" in service}
    # Two builds of one tag end with "already exists".
    assert {name: service["image"] for name, service in built.items()} == {
        "init": "factorprism:0.1.0",
        "worker-gpu": "factorprism:0.1.0-gpu",
    }
    assert built["worker-gpu"]["build"]["args"] == {"REQUIREMENTS": "requirements-gpu.txt"}
    named = {name for name, service in services.items() if service["image"] == "factorprism:0.1.0"}
    assert named == {*READERS, "mlflow", "data-docs"} - {"worker-gpu"}
    for name, service in services.items():
        tag = service["image"].split("@")[0].rsplit(":", 1)[1]
        assert tag[0].isdigit() or tag[0] == "v", name
        assert tag.count(".") >= 1, name
    # Tags of Docker's official images are built anew with each fix of Debian; these are not.
    for name in ("otel-collector", "prometheus", "alertmanager", "grafana"):
        assert len(services[name]["image"].split("@sha256:")[1]) == 64


def test_no_worker_knows_where_airflows_tables_and_keys_are(services: Any) -> None:
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
    interval = "task_instance_heartbeat_timeout_detection_interval"
    # A dozen heartbeats missed, and the documented two minutes.
    assert 12 * 5 <= silence <= 120 - float(airflow_default("scheduler", interval))


def test_a_scheduler_that_begins_anew_takes_over_before_the_silence_is_up(services: Any) -> None:
    """A scheduler ends silent tasks of its own alone: it must have adopted the earlier one's."""
    environment = services["scheduler"]["environment"]
    silence = int(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    interval = int(environment["AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"])
    gone_after = int(airflow_default("scheduler", "scheduler_health_check_threshold"))
    restart = 30
    assert restart + max(interval, gone_after) + interval <= silence


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
    assert all(path.resolve().is_relative_to(repository_root) for path in binds)


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
