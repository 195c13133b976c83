"""What is drawn of a contest afterwards is what the contest itself has found."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from factorprism.core.signals import find_signal
from factorprism.evaluation.resampling import count_independent
from factorprism.pipelines import open_ports
from factorprism.views.contest import read_contest

TRAINED_AS_OF = date(2024, 6, 28)


def test_the_backtests_and_windows_are_those_of_the_report(place: Any) -> None:
    signal = find_signal(place.config)
    with open_ports(place.config) as ports:
        contest = read_contest(ports.warehouse, place.config, signal, TRAINED_AS_OF)
        rule, results = contest.trade()
    content: Any = contest.report.content
    backtest = content["backtests"][0]
    assert (rule, list(results)) == (
        backtest["rule"],
        [one["name"] for one in backtest["results"]],
    )
    for one in backtest["results"]:
        assert results[one["name"]].equity[-1] - 1.0 == pytest.approx(one["total_return"])
    assert contest.find_entrant() == "inception_tiny"
    rows = contest.rows_of("inception_tiny")
    assert count_independent(rows, 14) == content["independent_windows"]
    y_prob, went_up = contest.read_probabilities("inception_tiny")
    assert len(y_prob) == len(went_up) == content["n_sessions"]
