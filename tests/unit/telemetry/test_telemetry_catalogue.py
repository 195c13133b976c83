"""The measurements' names: each documented, and no other in rules or dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from factorprism.telemetry import CATALOGUE, SilentMeter
from factorprism.telemetry.catalogue import Instrument, MetricKind

REPOSITORY = Path(__file__).parents[3]
SUFFIXES = r"(_bucket|_sum|_count)?"


def names_in(text: str) -> set[str]:
    found = re.findall(r"\bprism_[a-z_]+", text)
    return {re.sub(f"{SUFFIXES}$", "", name) for name in found}


def prometheus_name(line: Instrument) -> str:
    """Return the name that Prometheus gets to see, by OpenTelemetry's rules for the translation."""
    suffix = {"s": "_seconds", "1": "_ratio" if line.kind is MetricKind.GAUGE else ""}.get(
        line.unit, ""
    )
    total = "_total" if line.kind is MetricKind.COUNTER else ""
    return line.name.replace(".", "_") + suffix + total


def test_prometheus_sees_them_by_these_names() -> None:
    named = {line.name: prometheus_name(line) for line in CATALOGUE.values()}

    assert named["prism.step.duration"] == "prism_step_duration_seconds"
    assert named["prism.bars.pulled"] == "prism_bars_pulled_total"
    assert named["prism.skill"] == "prism_skill_ratio"
    assert named["prism.model.age"] == "prism_model_age"


@pytest.mark.parametrize("line", CATALOGUE.values(), ids=lambda line: line.name)
def test_each_is_documented(line) -> None:
    rows = (REPOSITORY / "docs" / "metrics.md").read_text("utf-8").splitlines()
    row = next(row for row in rows if row.startswith(f"| `{prometheus_name(line)}` |"))

    assert row.split(" | ")[1:] == [line.kind.value, ", ".join(line.labels), f"{line.meaning} |"]


@pytest.mark.parametrize("file", ["rules/prism.yml", "grafana/dashboards/prism.json"])
def test_rules_and_dashboard_name_no_other(file: str) -> None:
    text = (REPOSITORY / "monitoring" / file).read_text("utf-8")
    if file.endswith(".json"):
        text = json.dumps(
            [target for panel in json.loads(text)["panels"] for target in panel.get("targets", [])]
        )
    known = {prometheus_name(line) for line in CATALOGUE.values()}

    assert names_in(text)
    assert names_in(text) <= known


def test_an_unknown_name_or_label_is_refused() -> None:
    meter = SilentMeter()
    meter.record("prism.model.age", 3.0, signal="hs300-direction-14")

    with pytest.raises(ValueError, match=r"prism\.typo"):
        meter.record("prism.typo", 1.0)
    with pytest.raises(ValueError, match="labels"):
        meter.record("prism.model.age", 3.0, target="000300.SH")
