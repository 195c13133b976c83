"""A day of faults: a refusal, half a file, a gate failure, recovery; each is reported once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bar_files import write_bars
from factorprism.core.errors import FactorPrismError
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from protocol.vendor import serve

SESSION = date(2024, 7, 1)
SYMBOL = "000300.SH"
UI = "https://airflow.example"


@pytest.fixture
def vendor() -> Iterator[Any]:
    """The vendor's server, which answers any token but its own with a refusal."""
    with serve({}) as server:
        yield server


@pytest.fixture
def bars(place: Any) -> pd.DataFrame:
    with open_ports(place.config) as ports:
        (pull,) = ports.source.fetch_bars([SYMBOL], date(2016, 1, 4), SESSION)
    return pull.bars


def cut_in_half(path: Path) -> None:
    """Leave what a transfer leaves that was cut off: the first half, and a line begun."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def run_daily(place: Any, **changes: Any) -> None:
    config = place.config.with_changes(**changes)
    with open_ports(config) as ports, suppress(FactorPrismError):
        run_pipeline("daily", Run(SESSION, find_signal(config), config, ports))


def test_a_day_of_faults_is_reported_in_exactly_these_messages(
    place: Any, vendor: Any, bars: pd.DataFrame, webhook: Any, mailbox: Any, tmp_path: Path
) -> None:
    notified = {
        "alerts_url": f"operators={webhook.url} {mailbox.url}",
        "ui_url": UI,
    }
    refused = {
        **notified,
        **vendor.settings,
        "tushare_token": "not-the-vendors-token",
    }
    folder = tmp_path / "files"
    files = {**notified, "source": "files", "files": folder}

    run_daily(place, **refused)
    run_daily(place, **refused)
    cut_in_half(write_bars(folder, bars))
    run_daily(place, **files)
    run_daily(place, **files)
    broken = bars.copy()
    broken.loc[broken.index[-1], ["high", "low"]] = [1.0, 9999.0]
    write_bars(folder, broken)
    run_daily(place, **files)
    run_daily(place, **files)
    write_bars(folder, bars)
    run_daily(place, **files)

    for message in mailbox.messages:
        print(f"--- {message.title}\n{message.body}")
    day = "factorprism 2024-07-01:"
    assert webhook.titles == [
        f"{day} The source of hs300 refuses",
        f"{day} The source of hs300 answers again",
        f"{day} The data of hs300 are incomplete",
        f"{day} The data of hs300 are complete again",
        f"{day} No forecast for hs300-direction-14",
        f"{day} hs300-direction-14 has a forecast again",
    ]
    # The mail goes to researchers too, who wait for the day's digest.
    assert mailbox.titles == [
        webhook.titles[0],
        f"{day} digest of hs300-direction-14",
        *webhook.titles[1:],
    ]
