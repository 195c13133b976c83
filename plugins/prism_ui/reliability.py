"""Where the marks of a reliability diagram stand: the template only draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factorprism.evaluation.reliability import ReliabilityBin

WIDTH, HEIGHT = 520, 440
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 16, 44
STEP = 0.1


@dataclass(frozen=True)
class Mark:
    """One bin in pixels, and the words for who points at it."""

    bin: ReliabilityBin
    x: float
    y: float
    y_low: float
    y_high: float
    radius: float


@dataclass(frozen=True)
class Diagram:
    """The marks of all bins; `ticks_x` and `ticks_y` are (pixels, fraction)."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    marks: tuple[Mark, ...]
    ticks_x: tuple[tuple[float, float], ...]
    ticks_y: tuple[tuple[float, float], ...]
    ideal: tuple[float, float, float, float]


def lay_out_reliability(bins: Sequence[ReliabilityBin]) -> Diagram | None:
    """Return the diagram of `bins`; both axes span whole tenths. None without any."""
    if not bins:
        return None
    low_x, high_x = _tenths(min(b.mean for b in bins), max(b.mean for b in bins))
    low_y, high_y = _tenths(
        min(low_x, *(b.lower for b in bins)), max(high_x, *(b.upper for b in bins))
    )
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT

    def scale_x(value: float) -> float:
        return round(LEFT + (value - low_x) / (high_x - low_x) * (right - LEFT), 1)

    def scale_y(value: float) -> float:
        return round(bottom - (value - low_y) / (high_y - low_y) * (bottom - TOP), 1)

    most = max(b.n for b in bins)
    return Diagram(
        WIDTH,
        HEIGHT,
        LEFT,
        right,
        TOP,
        bottom,
        tuple(
            Mark(
                b,
                scale_x(b.mean),
                scale_y(b.share),
                scale_y(b.lower),
                scale_y(b.upper),
                round(3 + 4 * (b.n / most) ** 0.5, 1),
            )
            for b in bins
        ),
        tuple((scale_x(value), value) for value in _ticks(low_x, high_x)),
        tuple((scale_y(value), value) for value in _ticks(low_y, high_y)),
        (scale_x(low_x), scale_y(low_x), scale_x(high_x), scale_y(high_x)),
    )


def _tenths(low: float, high: float) -> tuple[float, float]:
    first, last = int(low / STEP + 1e-9), -int(-high / STEP - 1e-9)
    last = max(last, int(high / STEP + 1 - 1e-9))
    return max(0.0, round(first * STEP, 1)), min(1.0, round(max(last, first + 1) * STEP, 1))


def _ticks(low: float, high: float) -> list[float]:
    return [round(low + index * STEP, 1) for index in range(round((high - low) / STEP) + 1)]
