"""docs/deployment.md: each command that needs Docker or a cluster names what there is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from default_signal import DAILY, WEEKLY

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("docker", "kubectl", "helm", "make")


def find_commands(text: str) -> list[str]:
    """Return the commands of the page's code that are none of factorprism's own."""
    joined = text.replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", joined, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"(?s)```.*?```", "", joined))
    lines = [line.split("  #")[0] for block in blocks for line in block.splitlines()] + inline
    plain = [" ".join(line.split()) for line in lines]
    return sorted({line for line in plain if line.startswith(tuple(f"{t} " for t in TOOLS))})


COMMANDS = find_commands((ROOT / "docs" / "deployment.md").read_text())


def options(words: list[str], name: str) -> list[str]:
    """Return the value of each ``--name value`` and ``--name=value``."""
    split = [part for word in words for part in word.split("=", 1)]
    return [split[n + 1] for n, word in enumerate(split) if word == f"--{name}"]


@pytest.mark.parametrize("command", [line for line in COMMANDS if "docker compose" in line])
def test_compose_knows_of_services_and_profiles_that_exist(command: str, services: Any) -> None:
    words = shlex.split(command)
    profiles = {name for service in services.values() for name in service.get("profiles", [])}
    assert set(options(words, "profile")) <= profiles
    assert {"up", "run", "exec", "build", "down"} & set(words)
    if {"run", "exec"} & set(words):
        (program,) = [n for n, word in enumerate(words) if word in ("factorprism", "sh")]
        service = services[words[program - 1]]
        mounted = {volume["target"] for volume in service.get("volumes", [])}
        assert words[program] == "factorprism" or words[program + 1] in mounted


@pytest.mark.parametrize("command", [line for line in COMMANDS if "docker compose" not in line])
def test_files_and_targets_that_are_named_are_there(command: str, repository_root: Path) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        makefile = (repository_root / "Makefile").read_text()
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
    named = options(words, "values") + options(words, "filename") + options(words, "REQUIREMENTS")
    assert not [name for name in named if not (repository_root / name).is_file()]


FILE_OF = {
    DAILY: "daily_forecast.py",
    WEEKLY: "weekly_training.py",
    "history_backfill": "history_backfill.py",
}


@pytest.mark.parametrize("command", [line for line in COMMANDS if " dags trigger " in line])
def test_runs_that_it_starts_are_of_dags_with_these_parameters(
    command: str, repository_root: Path
) -> None:
    words = shlex.split(command)
    dag = (repository_root / "dags" / FILE_OF[words[words.index("trigger") + 1]]).read_text()
    for conf in options(words, "conf"):
        for name, value in json.loads(conf).items():
            assert re.search(rf'"{name}": Param\([^)]*"{value}"', dag)


def test_the_secrets_that_it_creates_are_those_that_the_values_name(values: dict[str, Any]) -> None:
    created = {}
    for command in COMMANDS:
        match = re.match(r"kubectl create secret generic (\S+) (.*)", command)
        if match:
            created[match[1]] = set(re.findall(r"--from-literal=([\w.-]+)=", match[2]))
    wanted: dict[str, set[str]] = {
        values["data"]["metadataSecretName"]: {
            "connection",
            "fernet-key",
            "api-secret-key",
            "jwt-secret",
        },
        "prism-users": {"passwords.json"},
        "prism-owner": {"warehouse-owner-url"},
    }
    for entry in values["secret"]:
        wanted.setdefault(entry["secretName"], set()).add(entry["secretKey"])
    assert created == wanted
    job = values["migrateDatabaseJob"]
    (owner,), (mount,) = job["extraVolumes"], job["extraVolumeMounts"]
    assert owner["secret"]["secretName"] == "prism-owner"
    assert f"cat {mount['mountPath']}/warehouse-owner-url" in job["args"][-1]


def test_it_states_what_the_compose_file_says(compose_text: str) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    silence = re.search(r'TASK_INSTANCE_HEARTBEAT_TIMEOUT: "(\d+)"', compose_text)
    interval = re.search(r'ORPHANED_TASKS_CHECK_INTERVAL: "(\d+)"', compose_text)
    assert silence is not None
    assert interval is not None
    assert f"`scheduler.task_instance_heartbeat_timeout` | {silence[1]} s" in page
    assert f"`scheduler.orphaned_tasks_check_interval` | {interval[1]} s" in page
    for name in re.findall(r"\$\{([A-Z_]+):-", compose_text):
        assert f"`{name}" in page, f"{name} of .env is explained nowhere"
