"""What the watch finds on a real warehouse, when it keeps still, and what a broken check costs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.market.bars import PullState
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.factors import compute_factors
from factorprism.pipelines.watch import watch
from factorprism.sources import SampleSource
from ledger_rows import make_issued, make_outcome, make_promotion, make_record

TARGET = "000300.SH"
SESSION = date(2025, 6, 30)
CALENDAR = calendar_for("XSHG")


@pytest.fixture
def run(migrated_url: str, tmp_path: Path, webhook: Any) -> Iterator[Run]:
    """A run in a warehouse that holds a champion and nothing else."""
    config = Config(home=tmp_path, warehouse_url=migrated_url, alerts_url=webhook.url)
    record = make_record(trained_from=date(2016, 1, 4), trained_through=date(2024, 6, 28))
    with open_ports(config) as ports:
        ports.warehouse.models.save_model(record)
        ports.warehouse.models.append_promotion(make_promotion(as_of=date(2024, 6, 28)))
        yield Run(SESSION, find_signal(config), config, ports)


def settle(run: Run, session: date, *, rises: bool) -> None:
    """Write a forecast of a sure rise, and what came of it."""
    values = {TARGET: {"p_up": 0.95, "p_up_raw": 0.95, "base_rate": 0.5}}
    row = make_issued(session, values=values)
    run.ports.warehouse.forecasts.append(row)
    run.ports.warehouse.forecasts.save_outcomes([make_outcome(row, 0.01 if rises else -0.01)])


def open_alerts(run: Run) -> dict[str, str]:
    return {alert.key: alert.sentence for alert in run.ports.warehouse.alerts.list_open_alerts()}


def with_config(run: Run, **changes: Any) -> Run:
    return Run(
        run.session,
        find_signal(run.config.with_changes(**changes)),
        run.config.with_changes(**changes),
        run.ports,
    )


def test_an_old_champion_is_reported_until_a_younger_limit_is_no_longer_passed(run: Run) -> None:
    watch(with_config(run, champion_max_age_sessions=10), {})
    assert open_alerts(run)["champion hs300-direction-14"] == (
        "inception-1 has learned nothing for 242 sessions, the limit is 10"
    )
    watch(run, {})
    assert "champion hs300-direction-14" not in open_alerts(run)


def test_forecasts_that_lose_to_the_base_rate_with_confidence_are_reported(run: Run) -> None:
    sessions = [day.astype(date) for day in CALENDAR.sessions(date(2024, 7, 1), SESSION)][:120]
    for number, session in enumerate(sessions):
        settle(run, session, rises=not number % 10)
    watch(run, {})
    assert (
        "it loses to the base rate: over 120 matured forecasts"
        in open_alerts(run)["skill hs300-direction-14"]
    )


def test_few_matured_forecasts_say_nothing(run: Run) -> None:
    settle(run, date(2024, 7, 1), rises=False)
    watch(run, {})
    assert "skill hs300-direction-14" not in open_alerts(run)


def test_factors_unlike_those_of_the_training_are_reported_until_they_are_like_them_again(
    run: Run,
) -> None:
    (pull,) = SampleSource().fetch_bars([TARGET], date(2015, 1, 5), SESSION)
    steep = pull.bars.copy()
    growth = 1.02 ** np.arange(1, 141)  # such a half year has never been
    for price in ("open", "high", "low", "close"):
        steep.loc[steep.index[-140:], price] *= growth
    for bars, is_reported in ((steep, True), (pull.bars, False)):
        changed = replace(pull, bars=bars)
        run.ports.warehouse.bars.merge_bars(bars, run.ports.warehouse.pulls.save_pull(changed))
        compute_factors(run, {"symbols": [TARGET]})
        watch(run, {})
        assert ("drift hs300-direction-14" in open_alerts(run)) == is_reported
        if is_reported:
            sentence = open_alerts(run)["drift hs300-direction-14"]
            assert re.match(r"\d+ of 16 factors have drifted over the last 120 sessions", sentence)


def test_a_calendar_that_is_known_for_less_than_thirty_sessions_is_information(run: Run) -> None:
    near = Run(CALENDAR.offset(CALENDAR.last, -29), find_signal(run.config), run.config, run.ports)
    watch(near, {})
    assert "29 sessions ahead" in open_alerts(run)["horizon XSHG"]
    alerts = run.ports.warehouse.alerts.list_open_alerts()
    assert {a.severity for a in alerts if a.key == "horizon XSHG"} == {"info"}
    watch(
        Run(CALENDAR.offset(CALENDAR.last, -30), find_signal(run.config), run.config, run.ports), {}
    )
    assert "horizon XSHG" in open_alerts(run)  # an earlier session proves nothing of a later one


def test_revised_past_bars_are_reported_once_with_the_forecasts_that_had_read_them(
    run: Run, webhook: Any
) -> None:
    warehouse = run.ports.warehouse
    (pull,) = SampleSource().fetch_bars([TARGET], date(2025, 1, 2), SESSION)
    first = warehouse.pulls.save_pull(pull)
    warehouse.bars.merge_bars(pull.bars, first)
    warehouse.pulls.mark_pull(first, PullState.ACCEPTED)
    warehouse.forecasts.append(make_issued(date(2025, 6, 3)))  # before the revised session
    warehouse.forecasts.append(make_issued(date(2025, 6, 26)))
    changed = pull.bars.copy()
    changed.loc[changed["session"].dt.date == date(2025, 6, 10), "close"] += 1.0
    warehouse.bars.merge_bars(changed, first)
    warehouse.forecasts.append(make_issued(date(2025, 6, 27)))  # after the revision
    watch(run, {})
    watch(run, {})
    (digest,) = webhook.messages
    key = f"Past bars were revised: {TARGET} (pull {first})"
    said = f"{TARGET}: 1 value was revised, of 2025-06-10; issued forecasts had read them"
    assert f"- {key}: {said}: 2025-06-26\n" in f"{digest.body}\n"
    # Whoever has the message can tell later whether the ledger was rewritten.
    (head,) = warehouse.forecasts.list_heads()
    assert f"\n- hs300-direction-14:3:{head.row_hash}\n" in f"{digest.body}\n"


def test_a_session_before_the_newest_says_nothing_of_today(run: Run) -> None:
    run.ports.warehouse.forecasts.append(make_issued(date(2025, 7, 1)))
    watch(with_config(run, champion_max_age_sessions=10), {})
    assert open_alerts(run) == {}


def test_a_check_that_fails_is_logged_and_the_others_go_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    # Drift is checked last and finds no bars; the session's digest still leaves.
    watch(with_config(run, champion_max_age_sessions=10), {})
    assert "watch, drift hs300-direction-14: the warehouse holds no bars" in caplog.text
    assert "champion hs300-direction-14" in open_alerts(run)


def test_what_was_found_waits_for_the_digest_which_leaves_with_the_watch(
    run: Run, webhook: Any
) -> None:
    watch(with_config(run, champion_max_age_sessions=10), {})
    watch(with_config(run, champion_max_age_sessions=10), {})
    assert webhook.titles == ["factorprism 2025-06-30: digest of hs300-direction-14"]


def test_the_watch_loads_no_network(repository_root: Path) -> None:
    code = (
        "import sys, factorprism.pipelines.watch, factorprism.alerts\n"
        "heavy = ('keras', 'tensorflow', 'mlflow', 'great_expectations', 'apprise')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
