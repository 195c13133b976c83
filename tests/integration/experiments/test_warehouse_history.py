"""An experiment starts from what the warehouse holds, and refuses plainly what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

import console
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import find_signal
from factorprism.experiments import load_history
from factorprism.pipelines import Run, open_ports, run_pipeline

FIRST, LAST = date(2019, 1, 2), date(2020, 6, 30)


@pytest.fixture
def run(migrated_url: str, tmp_path: Path) -> Iterator[Run]:
    config = Config(home=tmp_path / "home", warehouse_url=migrated_url, tracking_url="sqlite://")
    with open_ports(config) as ports:
        yield Run(LAST, find_signal(config), config, ports)


def call(run: Run, *arguments: str) -> CompletedProcess[str]:
    settings = {
        "FACTORPRISM_HOME": str(run.config.home),
        "FACTORPRISM_WAREHOUSE_URL": run.config.warehouse_url,
        "FACTORPRISM_TRACKING_URL": run.config.tracking_url,
    }
    return console.call(settings, *arguments)


def test_a_history_holds_images_and_closes_through_its_session_and_none_later(run: Run) -> None:
    options = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
    run_pipeline("backfill", run, options)
    earlier = Run(date(2020, 3, 31), find_signal(run.config), run.config, run.ports)
    history = load_history(earlier)
    sessions = history.image_set.sessions
    assert history.image_set.channels == ("000300.SH",)
    assert sessions[0] >= np.datetime64(FIRST)
    assert sessions[-1] == np.datetime64(earlier.session)
    assert history.bars["session"].max().date() == earlier.session
    closes = history.bars.set_index("session")["close"]
    assert history.closes[-1] == closes.iloc[-1]
    assert np.isfinite(history.closes).all()
    samples = history.training_set().samples
    assert samples.max() + history.horizon == len(sessions) - 1

    refused = call(run, "experiment", "stacking", "--quick")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "factorprism: stacking compares four indices" in refused.stderr
    assert "FACTORPRISM_UNIVERSE=image4" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_empty_warehouse_is_answered_with_how_to_fill_it(run: Run) -> None:
    with pytest.raises(ConfigurationError, match=r"no bars of 000300\.SH"):
        load_history(run)
    done = call(run, "experiment", "depth", "--quick")
    assert done.returncode == 2
    assert "factorprism backfill" in done.stderr
