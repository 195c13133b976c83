"""Which verdicts stop a run, and what the error tells."""

from __future__ import annotations

import pickle
from datetime import date

import pytest

from factorprism.core.errors import QualityError
from factorprism.market.findings import QualityResult
from factorprism.quality import require


def _result(expectation: str, severity: str, *, success: bool) -> QualityResult:
    return QualityResult(
        suite="bars",
        expectation=expectation,
        symbol="000300.SH",
        column="close",
        severity=severity,
        success=success,
        first=date(2020, 1, 2),
        last=date(2020, 1, 31),
        sentence=f"000300.SH: {expectation} failed on 2020-01-03.",
    )


def test_warnings_and_successes_pass():
    require([])
    require([_result("a", "warning", success=False), _result("b", "critical", success=True)])


def test_each_critical_failure_is_one_sentence():
    results = [
        _result(name, severity, success=False)
        for name, severity in (("a", "critical"), ("b", "warning"), ("c", "critical"))
    ]
    with pytest.raises(QualityError) as caught:
        require(results)
    sentence = "000300.SH: {0} failed on 2020-01-03 (bars.{0}, 2020-01-02 to 2020-01-31)."
    assert caught.value.failures == (sentence.format("a"), sentence.format("c"))
    assert caught.value.message == f"{sentence.format('a')} {sentence.format('c')}"
    assert caught.value.remedy
    assert caught.value.exit_code == 3


def test_many_failures_are_summed_up_and_kept():
    results = [_result(f"e{index}", "critical", success=False) for index in range(5)]
    with pytest.raises(QualityError) as caught:
        require(results)
    assert caught.value.message.endswith("And 2 more critical failures.")
    assert len(pickle.loads(pickle.dumps(caught.value)).failures) == 5
