"""Verdicts of a repeated run replace its own; an open alert is reported once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from factorprism.core.alerts import Alert
from factorprism.market.findings import QualityResult

RESULT = QualityResult(
    suite="bars",
    expectation="no session missing",
    symbol="000300.SH",
    column="",
    severity="critical",
    success=False,
    first=date(2020, 1, 2),
    last=date(2020, 1, 31),
    sentence="2020-01-06 is missing",
    details={"missing": [date(2020, 1, 6)], "ratio": np.float64("nan"), "n": np.int64(1)},
)
ALERT = Alert("forecast image4", "critical", "withheld", date(2020, 1, 6), {"n": 1})


def test_verdicts_come_back_in_their_order(warehouse):
    others = [replace(RESULT, expectation=name, details={}) for name in ("b", "a")]
    warehouse.quality.save_results([RESULT, *others], "bars 2020-01-31")
    loaded = warehouse.quality.load_results("bars 2020-01-31")
    plain = {"missing": ["2020-01-06"], "ratio": "nan", "n": 1}
    assert loaded == [replace(RESULT, details=plain), *others]
    assert warehouse.quality.load_results("other") == []


def test_a_repeated_run_replaces_its_own_verdicts_alone(warehouse):
    warehouse.quality.save_results([RESULT, RESULT], "one")
    warehouse.quality.save_results([RESULT], "two")
    warehouse.quality.save_results([replace(RESULT, success=True)], "one")
    assert [item.success for item in warehouse.quality.load_results("one")] == [True]
    assert len(warehouse.quality.load_results("two")) == 1
    warehouse.quality.save_results([], "one")
    assert warehouse.quality.load_results("one") == []


def test_rivals_of_one_run_leave_one_set(open_rivals, run_together):
    rivals = open_rivals(6)
    run_together(*(lambda w=w: w.quality.save_results([RESULT] * 20, "one") for w in rivals))
    assert len(rivals[0].quality.load_results("one")) == 20


def test_an_open_alert_is_reported_once_until_resolved(warehouse, run_sql):
    assert warehouse.alerts.raise_alert(ALERT)
    assert not warehouse.alerts.raise_alert(replace(ALERT, sentence="again"))
    assert warehouse.alerts.list_open_alerts() == [ALERT]
    assert warehouse.alerts.resolve_alert(ALERT.key)
    assert not warehouse.alerts.resolve_alert(ALERT.key)
    assert warehouse.alerts.list_open_alerts() == []
    assert warehouse.alerts.raise_alert(replace(ALERT, session=None))
    assert run_sql(
        "SELECT occurrence, raises, resolved_at IS NULL FROM prism.alerts ORDER BY occurrence"
    ) == [(1, 2, False), (2, 1, True)]


def test_alerts_of_other_keys_stay_open(warehouse):
    other = replace(ALERT, key="task a")
    warehouse.alerts.raise_alert(ALERT)
    warehouse.alerts.raise_alert(other)
    warehouse.alerts.resolve_alert(ALERT.key)
    assert warehouse.alerts.list_open_alerts() == [other]


def test_rivals_open_one_alert(open_rivals, run_together):
    rivals = open_rivals(6)
    opened = run_together(*(lambda w=w: w.alerts.raise_alert(ALERT) for w in rivals))
    assert sorted(opened) == [False] * 5 + [True]
