"""Which kind of fault is it? Read from the error that a step of the daily run ended with."""

from __future__ import annotations

from factorprism.alerts.catalogue import DATA, KINDS, QUOTA, SOURCE, WITHHELD, AlertKind
from factorprism.core.errors import EmptyResponse, MalformedResponse, SourceError, Throttled


def classify_fault(error: BaseException | str | None) -> AlertKind:
    """Return the kind of the fault behind an evening without a forecast.

    What does not come from the source counts as a withheld forecast, whatever it is.
    """
    if isinstance(error, Throttled):
        return QUOTA
    if isinstance(error, EmptyResponse | MalformedResponse):
        return DATA
    return SOURCE if isinstance(error, SourceError) else WITHHELD


def read_fault(word: str) -> AlertKind:
    """Return the kind whose keys begin with `word`, a withheld forecast for any other word."""
    return next((kind for kind in KINDS if kind.word == word), WITHHELD)
