"""Errors cross process boundaries with their state."""

from __future__ import annotations

import pickle

from factorprism.core.errors import FactorPrismError, QualityError, Throttled


def test_errors_survive_pickling_with_their_state() -> None:
    quality = pickle.loads(pickle.dumps(QualityError("bad", failures=["a", "b"], remedy="fix")))
    assert (quality.message, quality.failures, quality.remedy) == ("bad", ("a", "b"), "fix")
    throttled = pickle.loads(pickle.dumps(Throttled("slow", retry_after=7.0)))
    assert throttled.retry_after == 7.0


def test_the_remedy_stands_on_a_line_of_its_own() -> None:
    assert str(FactorPrismError("What is wrong.", remedy="What to do.")).splitlines() == [
        "What is wrong.",
        "What to do.",
    ]
