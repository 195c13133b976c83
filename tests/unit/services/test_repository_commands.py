"""The two commands' files: pinned, hashed, without hosts, and without secrets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml


@pytest.mark.parametrize("suffix", ["", "-dev", "-gpu"])
def test_requirements_are_pinned_and_hashed_and_name_no_host(
    repository_root: Path, suffix: str
) -> None:
    text = (repository_root / f"requirements{suffix}.txt").read_text()
    entries = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(entries) > 200
    assert all(
        re.fullmatch(r"[a-z0-9._-]+(\[[a-z,-]+\])?==\S+( ; .+)? \\", line) for line in entries
    )
    assert text.count("--hash=sha256:") >= len(entries)
    assert not re.search(r"://|^--|^-[efi]\b|file:", text, re.MULTILINE)


def test_development_adds_to_the_run_and_changes_nothing(repository_root: Path) -> None:
    def pins(name: str) -> set[str]:
        text = (repository_root / name).read_text()
        return set(re.findall(r"^[a-z0-9]\S*==\S+", text, re.MULTILINE))

    assert pins("requirements.txt") < pins("requirements-dev.txt")


def test_help_lists_every_target(repository_root: Path) -> None:
    told = subprocess.run(
        ["make", "help"], cwd=repository_root, capture_output=True, text=True, check=True
    )
    listed = re.findall(r"^make (\w+)", told.stdout, re.MULTILINE)
    for target in ("run", "test", "up", "down", "check", "bench", "lock", "help"):
        assert target in listed


def test_the_compose_file_has_no_default_secret_and_publishes_on_loopback(
    repository_root: Path,
) -> None:
    text = (repository_root / "docker-compose.yml").read_text()
    secret = re.findall(r"\$\{(\w*(?:PASSWORD|KEY|SECRET)\w*)(:[^}]*)\}", text)
    assert {name for name, _ in secret} == {
        "POSTGRES_PASSWORD",
        "AIRFLOW_ADMIN_PASSWORD",
        "AIRFLOW_FERNET_KEY",
        "AIRFLOW_JWT_SECRET",
        "AIRFLOW_API_SECRET_KEY",
    }
    assert all(rest.startswith(":?") for _, rest in secret)
    services = yaml.safe_load(text)["services"]
    assert all("healthcheck" in service for name, service in services.items() if name != "init")
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080"]
    assert ".env" in (repository_root / ".gitignore").read_text().split()
