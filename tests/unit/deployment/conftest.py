"""The compose file as Docker Compose itself reads it, and the values of the Helm chart."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

REQUIRED = re.compile(r"\$\{(\w+):\?")


@pytest.fixture(scope="session")
def compose_text(repository_root: Path) -> str:
    return (repository_root / "docker-compose.yml").read_text()


@pytest.fixture(scope="session")
def secret_names(compose_text: str) -> set[str]:
    """The variables without which Compose refuses the file."""
    return set(REQUIRED.findall(compose_text))


@pytest.fixture(scope="session")
def checkout(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for a fresh checkout: nobody's .env, nobody's settings.env."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docker-compose.yml", "Dockerfile", "Makefile", "deploy", "monitoring"):
        (folder / name).symlink_to(repository_root / name)
    return folder


@pytest.fixture(scope="session")
def call_compose(checkout: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Compose on our file with `variables` alone, and with `settings` as its settings.env."""
    found = importlib.util.find_spec("compose")
    assert found is not None
    assert found.origin is not None
    # The package's own command ends with 0 whatever happens; the binary beside it does not.
    program = Path(found.origin).with_name("docker-compose")

    def call(
        *arguments: str, variables: Mapping[str, str], settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        file = checkout / "settings.env"
        if settings:
            file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        try:
            return subprocess.run(
                [program, "--env-file", os.devnull, "--file", "docker-compose.yml", *arguments],
                cwd=checkout,
                env={"PATH": os.environ["PATH"], **variables},
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            file.unlink(missing_ok=True)

    return call


@pytest.fixture(scope="session")
def read_compose(
    call_compose: Callable[..., subprocess.CompletedProcess[str]], secret_names: set[str]
) -> Callable[..., dict[str, Any]]:
    """Return the whole model with `profiles`, each secret being ``secret-of-NAME``."""
    known = {name: f"secret-of-{name}" for name in secret_names}

    def read(
        *profiles: str, settings: Mapping[str, str] | None = None, **variables: str
    ) -> dict[str, Any]:
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        asked = [*chosen, "config", "--format", "json"]
        done = call_compose(*asked, variables=known | variables, settings=settings)
        assert done.returncode == 0, done.stderr
        model: dict[str, Any] = json.loads(done.stdout)
        return model

    return read


@pytest.fixture(scope="session")
def services(read_compose: Callable[..., dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every service of every profile."""
    found: dict[str, dict[str, Any]] = read_compose("*")["services"]
    return found


@pytest.fixture(scope="session")
def values(repository_root: Path) -> dict[str, Any]:
    """The values that we give Airflow's own Helm chart."""
    text = (repository_root / "deploy" / "helm" / "values.yaml").read_text()
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
