"""A whole house for a real browser: history, two models, some evenings, and Airflow on loopback."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from default_signal import DAILY, SIGNAL
from factorprism.core.roles import READER
from factorprism.pipelines import open_ports
from factorprism.services import EmbeddedAirflow
from worlds import LIVED, Place, Recipe, World, copy_world

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LAST = date(2024, 7, 3)  # the evening that Airflow itself runs
RUN_ID = "manual__the_evening"


@dataclass(frozen=True)
class House:
    """A running Airflow with the pages; `tokens` are those of the users viewer and admin.

    `bundle` is the folder with the challenger's files.
    """

    address: str
    airflow: EmbeddedAirflow
    tokens: dict[str, str]
    champion: str
    challenger: str
    bundle: Path


# Not for the whole session: Playwright keeps an event loop in this thread, and tests that start
# one of their own could not.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium that is found on the machine, driven by Playwright."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed; on Debian: apt install chromium")
    from playwright.sync_api import sync_playwright

    switches = ["--disable-gpu", "--disable-background-networking"]
    if os.geteuid() == 0:
        switches.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=switches)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(
    chromium: Any,
    postgres: Any,
    open_world: Callable[[Recipe], World],
    airflow_metadata: Callable[[Path], str],
) -> Iterator[House]:
    """History from 2016, a champion and a challenger, four evenings, one of them by Airflow."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-browser-"))
    home.chmod(0o711)
    store_path = copy_world(postgres, open_world(LIVED), home)
    reader = postgres.as_role(store_path.owner_url, READER)
    settings = {**store_path.environ, "FACTORPRISM_WAREHOUSE_READER_URL": reader}
    metadata_url = airflow_metadata(home)
    airflow = EmbeddedAirflow(home, metadata_url, os.environ | settings)
    try:
        airflow.start()
        state = airflow.runs().run_dag(DAILY, RUN_ID, {"session": LAST.isoformat()})
        assert state == "success"
        tokens = {user: _log_in(airflow, user) for user in ("viewer", "admin")}
        yield House(airflow.address, airflow, tokens, *_name_models(store_path))
    finally:
        airflow.stop()
        for url in (store_path.owner_url, metadata_url):
            postgres.drop_database(url)
        shutil.rmtree(home, ignore_errors=True)


def _name_models(store_path: Place) -> tuple[str, str, Path]:
    """Return the champion, the model that lost to it, and its files."""
    with open_ports(store_path.config) as ports:
        decision = ports.warehouse.models.list_promotions(SIGNAL)[-1]
        store_paths = {item.model_id: item.store_path for item in ports.registry.list_bundles()}
    files = store_path.home / "artefacts" / "mlflow" / store_paths[decision.candidate_id]
    return decision.champion_id, decision.candidate_id, files


def _log_in(airflow: EmbeddedAirflow, user: str) -> str:
    body = {"username": user, "password": airflow.passwords()[user]}
    address = f"{airflow.address}/auth/token"
    answer = httpx.post(address, json=body, timeout=60, trust_env=False)
    return str(answer.raise_for_status().json()["access_token"])


@dataclass(frozen=True)
class Tab:
    """A page of the browser and what it has complained about on its console."""

    page: Any
    complaints: list[str]
    address: str

    def open(self, path: str) -> Any:
        """Go to `path` and return Playwright's page once nothing more is loading."""
        self.page.goto(f"{self.address}{path}", wait_until="networkidle")
        return self.page


@pytest.fixture
def open_tab(chromium: Any, house: House) -> Any:
    """A context manager that opens a tab as ``viewer``, ``admin`` or nobody (empty)."""

    @contextmanager
    def opened(
        user: str, *, width: int = 1280, theme: str = "light", **options: Any
    ) -> Iterator[Tab]:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **options
        )
        context.set_default_timeout(120_000)
        if user:
            cookie = {"name": "_token", "value": house.tokens[user], "url": house.address}
            context.add_cookies([cookie])
        page, complaints = context.new_page(), []
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield Tab(page, complaints, house.address)
        finally:
            context.close()

    return opened
