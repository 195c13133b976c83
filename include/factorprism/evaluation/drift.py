"""Drift: do the factors of late still look like those that the champion was trained on?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.market.panels import ImageSet

Figures = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Deciles of the reference, and one bin on each side for what lies beyond all of it.
DECILES = 10
BINS = DECILES + 2
# Added to every bin (Jeffreys' prior): an empty bin would make the index infinite.
PSEUDO_COUNT = 0.5
RECENT_SESSIONS = 120
FALSE_ALARM = 0.05
# Fewer stretches say nothing about what is usual.
LEAST_STRETCHES = 8
LEAST_RECENT = 20
# An index below this is nothing, and a spread of its logarithm below that is rounding: a factor
# that never moves must not drift through rounding.
SMALLEST_INDEX, SMALLEST_SPREAD = 1e-3, 0.1
# Stretches begin this often in each of their lengths.
OVERLAP = 4
# How often the recent stretch counts among these for the scale. On series that only wander, once
# gives more alarms than said, and four times, as every stretch has starts, finds little.
RECENT_WEIGHT = 2


@dataclass(frozen=True)
class Drift:
    """How far the recent sessions lie from the reference, by factor and channel.

    `psi` and `thresholds` are float64 [factor, channel]: a factor has drifted where its index is
    above its threshold. `false_alarm` is the chance that, without any drift, at least one is.
    `n_stretches` counts the stretches of the reference, without overlap, that the thresholds rest
    on; fewer than `LEAST_STRETCHES` leave them infinite, since nothing can be determined.
    """

    factors: tuple[str, ...]
    channels: tuple[str, ...]
    psi: Figures = field(repr=False)
    thresholds: Figures = field(repr=False)
    false_alarm: float
    n_reference: int
    n_recent: int
    n_stretches: int

    @property
    def measured(self) -> bool:
        """Whether the thresholds rest on enough stretches and the recent sessions are enough."""
        return self.n_stretches >= LEAST_STRETCHES and self.n_recent >= LEAST_RECENT

    @property
    def drifted(self) -> tuple[tuple[str, str], ...]:
        """The drifted (factor, channel), the farthest above its threshold first."""
        return tuple(
            self._name(index) for index in self._order() if self._exceedance()[index] > 1.0
        )

    @property
    def sentence(self) -> str:
        """What was found, in one sentence with its numbers."""
        if not self.measured:
            return (
                f"drift cannot be measured by {self.n_recent} recent sessions against a reference "
                f"of {self.n_reference}"
            )
        order = self._order()
        exceedance = self._exceedance()
        found = [index for index in order if exceedance[index] > 1.0]
        against = (
            f"over the last {self.n_recent} sessions against the {self.n_reference} of the "
            f"training (chance of a false alarm {self.false_alarm:.0%})"
        )
        if not found:
            return f"no factor has drifted {against}: the nearest is {self._describe(order[0])}"
        named = ", ".join(self._describe(index) for index in found[:3])
        named += f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"{len(found)} of {self.psi.size} factors have drifted {against}: {named}"

    def _exceedance(self) -> Figures:
        return np.asarray(self.psi / self.thresholds).ravel()

    def _order(self) -> list[int]:
        return [int(index) for index in np.argsort(-self._exceedance(), kind="stable")]

    def _name(self, index: int) -> tuple[str, str]:
        row, column = divmod(index, len(self.channels))
        return self.factors[row], self.channels[column]

    def _describe(self, index: int) -> str:
        factor, channel = self._name(index)
        name = f"{factor} of {channel}" if len(self.channels) > 1 else factor
        psi, threshold = self.psi.flat[index], self.thresholds.flat[index]
        return f"{name} with a PSI of {psi:.2f}, threshold {threshold:.2f}"


def compute_psi(reference: Counts, recent: Counts) -> Figures:
    """Return the population stability index of two histograms, over the last axis (bins).

    The sum over bins of (q - p) ln(q / p), where p and q are the shares of `reference` and
    `recent` after half a count was added to every bin. It is the symmetric divergence of Jeffreys
    (1946), as used for score cards (Siddiqi 2006, Credit Risk Scorecards, ch. 6). Non-negative,
    0 for equal shares; the leading axes are broadcast.
    """
    p, q = (_shares(counts) for counts in (reference, recent))
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def measure_drift(
    image_set: ImageSet,
    first: date,
    last: date,
    *,
    recent_sessions: int = RECENT_SESSIONS,
    false_alarm: float = FALSE_ALARM,
) -> Drift:
    """Compare the last `recent_sessions` of `image_set` with its sessions from `first` to `last`.

    The reference is what the model was trained on. Bins are the deciles of each factor and channel
    over it, and what lies below and above all of it; missing cells count in no bin. Reads every
    session of `image_set` up to its last: cut it at the session that the decision is made for.

    Rules of thumb (0.1, 0.25) and the chi-squared law of the index (Yurdakul 2018) hold for
    independent draws. Factors of overlapping look-backs are far from that, and a stretch of half a
    year always looks unlike ten years. So the thresholds come from the reference itself: every
    stretch of the same length is set against the rest of it (a stretch's length on both sides left
    out, as it is tied to its neighbours). The logarithm of each factor's index is measured in
    standard deviations from its mean over the stretches; the threshold, one for all factors, is
    the quantile of the stretches' greatest exceedance that leaves `false_alarm` above it, with the
    finite-sample correction of conformal prediction (Vovk et al. 2005) for the number of stretches
    without overlap. With fewer than 19 of these for 5% it is their maximum, and the chance of a
    false alarm as large as it is then.

    Raises ``ValueError`` when `recent_sessions` or `false_alarm` is not allowed, or the reference
    reaches into the recent sessions or holds none.
    """
    if recent_sessions < 1:
        raise ValueError(f"recent_sessions: {recent_sessions}, allowed are positive numbers")
    if not 0.0 < false_alarm < 1.0:
        raise ValueError(f"false_alarm: {false_alarm}, allowed is a ratio between 0 and 1")
    begin, end = _find_reference(image_set.sessions, first, last)
    size = min(recent_sessions, len(image_set.sessions) - end)
    if size < 1:
        raise ValueError(f"last: {last}, allowed are sessions before the set's last")
    columns = image_set.cube.reshape(len(image_set.cube), -1)
    running = _count_up(columns, columns[begin:end])
    total = running[end] - running[begin]
    psi = compute_psi(total, running[-1] - running[-1 - size])
    stretches = _stretch_psi(running, begin, end, size)
    n_stretches = (end - begin) // size
    thresholds, chance = _calibrate(stretches, psi, n_stretches, false_alarm)
    shape = (len(image_set.factors), len(image_set.channels))
    return Drift(
        factors=image_set.factors,
        channels=image_set.channels,
        psi=psi.reshape(shape),
        thresholds=thresholds.reshape(shape),
        false_alarm=chance,
        n_reference=end - begin,
        n_recent=size,
        n_stretches=n_stretches,
    )


def _find_reference(sessions: DayArray, first: date, last: date) -> tuple[int, int]:
    """Return the rows, the second exclusive, of the sessions from `first` to `last`."""
    begin = int(np.searchsorted(sessions, np.datetime64(first, "D")))
    end = int(np.searchsorted(sessions, np.datetime64(last, "D"), side="right"))
    if end <= begin:
        raise ValueError(f"first, last: {first}, {last}, the set has no session between them")
    return begin, end


def _count_up(columns: FloatArray, reference: FloatArray) -> Counts:
    """Return how many sessions before each row fall into each bin, [session + 1, column, bin]."""
    n_sessions, n_columns = columns.shape
    inner = np.linspace(0.0, 1.0, DECILES + 1)[1:-1]
    counts = np.zeros((n_sessions + 1, n_columns, BINS), dtype=np.int64)
    for column in range(n_columns):
        values, known = columns[:, column], ~np.isnan(columns[:, column])
        seen = reference[~np.isnan(reference[:, column]), column]
        if len(seen):
            last = np.nextafter(seen.max(), np.float32(np.inf))
            edges = np.concatenate([[seen.min()], np.quantile(seen, inner), [last]])
            bins = np.searchsorted(edges, values, side="right")
            counts[1:][known, column, bins[known]] = 1
    return np.cumsum(counts, axis=0)


def _stretch_psi(running: Counts, begin: int, end: int, size: int) -> Figures:
    """Return the index of each stretch of the reference against its rest, [stretch, column]."""
    starts = range(begin, end - size + 1, max(1, size // OVERLAP))
    total = running[end] - running[begin]
    found = []
    for start in starts:
        low, high = max(begin, start - size), min(end, start + 2 * size)
        rest = total - (running[high] - running[low])
        found.append(compute_psi(rest, running[start + size] - running[start]))
    return np.array(found).reshape(-1, running.shape[1])


def _calibrate(
    stretches: Figures, psi: Figures, n_stretches: int, false_alarm: float
) -> tuple[Figures, float]:
    """Return the threshold of each column and the chance that any is passed without a drift."""
    if n_stretches < LEAST_STRETCHES:
        return np.full(stretches.shape[1], np.inf), 0.0
    # With the recent stretch among them: a scale fitted to the others alone fits them better.
    logs = np.log(np.maximum(stretches, SMALLEST_INDEX))
    late = np.log(np.maximum(psi, SMALLEST_INDEX))
    alike = np.vstack([logs, *[late] * RECENT_WEIGHT])
    centre, spread = alike.mean(axis=0), np.maximum(alike.std(axis=0), SMALLEST_SPREAD)
    greatest = ((logs - centre) / spread).max(axis=1)
    level = min(1.0, (1.0 - false_alarm) * (1.0 + 1.0 / n_stretches))
    chance = max(false_alarm, 1.0 / (n_stretches + 1.0))
    return np.exp(centre + spread * np.quantile(greatest, level)), chance


def _shares(counts: Counts) -> Figures:
    smoothed = counts + PSEUDO_COUNT
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))
