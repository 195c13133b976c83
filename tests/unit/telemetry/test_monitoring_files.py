"""The files of `monitoring/`: what promtool says of the rules, what refers to what."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from factorprism.core.config import load_config
from factorprism.health.data import CALENDAR_SESSIONS_MIN

MONITORING = Path(__file__).parents[3] / "monitoring"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed; on Debian: apt install prometheus"
)


def read(name: str):
    return yaml.safe_load((MONITORING / name).read_text("utf-8"))


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("check", "rules", "rules/prism.yml"),
        pytest.param(("test", "rules", "rules/prism_test.yml"), marks=pytest.mark.slow),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([PROMTOOL, *arguments], cwd=MONITORING, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_is_tested_silent_and_raised() -> None:
    rules = {
        rule["alert"] for group in read("rules/prism.yml")["groups"] for rule in group["rules"]
    }
    cases = [
        case for test in read("rules/prism_test.yml")["tests"] for case in test["alert_rule_test"]
    ]

    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} >= rules
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == rules


def test_prometheus_scrapes_what_the_collector_shows() -> None:
    exporter = read("otel-collector.yml")["exporters"]["prometheus"]
    (job,) = read("prometheus.yml")["scrape_configs"]
    port = exporter["endpoint"].rsplit(":", 1)[1]

    assert job["static_configs"][0]["targets"] == [f"otel-collector:{port}"]
    # What expires cannot be overdue: a state is kept for longer than the twelve days of the rule.
    assert int(exporter["metric_expiration"].removesuffix("h")) > 14 * 24


def test_the_dashboard_asks_the_provisioned_source() -> None:
    dashboard = json.loads((MONITORING / "grafana/dashboards/prism.json").read_text("utf-8"))
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]

    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) == 11


def test_a_limit_of_the_rules_is_the_one_of_the_check() -> None:
    rules = [rule for group in read("rules/prism.yml")["groups"] for rule in group["rules"]]
    expressions = {rule["alert"]: rule["expr"] for rule in rules}
    usual = load_config({})

    assert expressions["PrismCalendarEnds"] == f"prism_calendar_horizon < {CALENDAR_SESSIONS_MIN}"
    # Both count sessions since the last one that the champion's training has read.
    assert expressions["PrismChampionOld"] == f"prism_model_age > {usual.champion_max_age_sessions}"
    missing = f"prism_factors_missing_ratio > {usual.missing_ratio_max}"
    assert expressions["PrismMissingCells"] == missing
