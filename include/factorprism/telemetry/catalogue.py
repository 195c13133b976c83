"""Every measurement that the pipelines make: its name, unit, labels and meaning, as data.

`docs/metrics.md`, the alert rules and the dashboard in `monitoring/` name no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

PREFIX = "prism"


class MetricKind(StrEnum):
    """How a measurement adds up over time."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Instrument:
    """One measurement; `unit` as in UCUM, ``1`` where there is none."""

    name: str
    kind: MetricKind
    unit: str
    labels: tuple[str, ...]
    meaning: str


_LINES = (
    Instrument(
        "prism.step.duration",
        MetricKind.HISTOGRAM,
        "s",
        ("pipeline", "step", "outcome"),
        "How long a step took; outcome is done or the class of its error.",
    ),
    Instrument(
        "prism.bars.pulled",
        MetricKind.COUNTER,
        "{row}",
        ("source", "symbol"),
        "Bars that the source answered with.",
    ),
    Instrument(
        "prism.bars.revised",
        MetricKind.COUNTER,
        "{value}",
        ("universe",),
        "Values of past bars that the source changed.",
    ),
    Instrument(
        "prism.factors.missing",
        MetricKind.GAUGE,
        "1",
        ("symbol",),
        "Share of missing factor cells in the window that the last run checked.",
    ),
    Instrument(
        "prism.forecast.session",
        MetricKind.GAUGE,
        "s",
        ("signal", "state"),
        "Unix time at which the bars of the last issued (withheld) session were final.",
    ),
    Instrument(
        "prism.forecasts.withheld",
        MetricKind.GAUGE,
        "{session}",
        ("signal",),
        "Sessions without an issued forecast among the last twenty of the ledger.",
    ),
    Instrument(
        "prism.forecast.value",
        MetricKind.GAUGE,
        "{value}",
        ("signal", "quantity"),
        "Each value of the last issued forecast, by its name in the ledger, such as p_up.",
    ),
    Instrument(
        "prism.model.trained_through",
        MetricKind.GAUGE,
        "s",
        ("signal", "model"),
        "Unix time of the last session that the champion's training read.",
    ),
    Instrument(
        "prism.model.age",
        MetricKind.GAUGE,
        "{session}",
        ("signal",),
        "Sessions since the last one that the champion's training read.",
    ),
    Instrument(
        "prism.skill",
        MetricKind.GAUGE,
        "1",
        ("signal", "bound"),
        "Skill of the champion against the reference; bound is value, lower or upper (95%).",
    ),
    Instrument(
        "prism.calendar.horizon",
        MetricKind.GAUGE,
        "{session}",
        ("exchange",),
        "Sessions that the calendar knows after the last run's.",
    ),
    Instrument(
        "prism.source.replay",
        MetricKind.GAUGE,
        "{replay}",
        ("signal",),
        "1 where the data have an end, so that no session is due after it; 0 where more come.",
    ),
    Instrument(
        "prism.alerts.open", MetricKind.GAUGE, "{alert}", ("severity",), "Alerts that are open."
    ),
    Instrument(
        "prism.check",
        MetricKind.GAUGE,
        "{level}",
        ("check",),
        "What a check of the last evening came to: 0 well, 1 a note, 2 a fault.",
    ),
)

CATALOGUE: Mapping[str, Instrument] = MappingProxyType({line.name: line for line in _LINES})


def find_instrument(name: str, labels: Mapping[str, str]) -> Instrument:
    """Return the instrument `name`; raises ``ValueError`` for an unknown one or other labels."""
    if name not in CATALOGUE:
        raise ValueError(f"name: {name!r}, allowed are {', '.join(CATALOGUE)}")
    found = CATALOGUE[name]
    if set(labels) != set(found.labels):
        raise ValueError(f"labels: {sorted(labels)} of {name}, allowed are {sorted(found.labels)}")
    return found
