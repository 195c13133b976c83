"""The gate's second half: proves panels of factors fit to become images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import FloatArray
from factorprism.market.panels import FactorPanel
from factorprism.quality._evaluation import GateSubject, Suite, evaluate_suite
from factorprism.quality._forms import tell_columns
from factorprism.quality._rules import Rule
from factorprism.quality._segments import IntArray
from factorprism.quality.factor_rules import cell_rules, column_rules, panel_rules
from factorprism.quality.missing import count_missing
from factorprism.quality.verdicts import Verdicts, tells_each

PANEL_SUITE = "factors_panel"
FACTORS_SUITE = "factors"
# Fewer values than one image holds may well be all alike.
CONSTANT_MIN_SESSIONS = 60

Ranges = Mapping[str, tuple[float, float]]
BoolArray = npt.NDArray[np.bool_]


def check_factors(
    panels: Sequence[FactorPanel],
    ranges: Ranges,
    missing_ratio_max: float,
    warmups: Sequence[Mapping[str, int]] = (),
) -> Verdicts:
    """Check the panels of symbols by the expectations of ``docs/quality.md``, all in one call.

    Parameters
    ----------
    panels
        float32 [session, factor], NaN where missing; all of the same factors.
    ranges
        Documented closed range of each factor; an infinite bound is not checked. Every factor named
        here must be in the panels.
    missing_ratio_max
        Largest allowed ratio of missing cells, of each factor and of a whole panel.
    warmups
        For each panel the sessions at its start for which a factor cannot exist yet. Their cells
        are counted in the panel's N, but are no part of the checked ratios. Default: none.

    Raises
    ------
    ValueError
        If `missing_ratio_max` is no ratio, a warm-up is negative, or the panels' factors differ.
    """
    if not 0.0 <= missing_ratio_max <= 1.0:
        raise ValueError(f"missing_ratio_max: {missing_ratio_max}, allowed is 0 to 1")
    if not panels:
        return Verdicts(())
    if len({panel.factors for panel in panels}) > 1:
        raise ValueError("panels: their factors differ, allowed are panels of the same factors")
    tell_each = tells_each(panel.symbol for panel in panels)
    counted = [Counted(*pair) for pair in zip(panels, warmups or [{}] * len(panels), strict=True)]
    suite = _factor_suite(counted, ranges, missing_ratio_max)
    factors = evaluate_suite(suite, tell_each=tell_each)
    # A panel that is all warm-up has no cell to check.
    indices = [index for index, one in enumerate(counted) if one.checked.any()]
    suite = _cell_suite([counted[index] for index in indices], missing_ratio_max)
    cells = evaluate_suite(suite, tell_each=tell_each)
    of = [[one.result for one in verdicts] for verdicts in factors.verdicts]
    for index, verdicts in zip(indices, cells.verdicts, strict=True):
        of[index] += [one.result for one in verdicts]
    return Verdicts(
        tuple(map(tuple, of)),
        (*factors.shared, *cells.shared),
        factors.n_asked + cells.n_asked,
    )


class Counted:
    """A panel, and which of its cells are missing and which lie behind the warm-up."""

    def __init__(self, panel: FactorPanel, warmup: Mapping[str, int]) -> None:
        starts = np.array([warmup.get(factor, 0) for factor in panel.factors], np.int64)
        if (starts < 0).any():
            raise ValueError(f"warmup: {dict(warmup)}, allowed are counts from 0 on")
        self.panel = panel
        self.missing: BoolArray = np.isnan(panel.values)
        self.checked: BoolArray = np.arange(len(panel.sessions))[:, None] >= starts

    def measure(self, ranges: Ranges) -> dict[str, object]:
        """Return what is measured once a panel."""
        factors = self.panel.factors
        absent = sorted(set(ranges) - set(factors))
        n_missing, n_checked = (self.missing & self.checked).sum(axis=0), self.checked.sum(axis=0)
        n_distinct = _count_distinct(self.panel.values)
        return {
            "row_count": len(self.panel.sessions),
            "absent_columns": len(absent),
            "columns": tell_columns(factors, absent),
            **{
                f"{factor} missing_ratio": n / of if of else np.nan
                for factor, n, of in zip(factors, n_missing, n_checked, strict=True)
            },
            **{f"{name} distinct": int(n) for name, n in zip(factors, n_distinct, strict=True)},
        }

    @property
    def kinds(self) -> tuple[tuple[bool, bool], ...]:
        """For each factor whether it has cells to check, and whether it may be constant."""
        n_given = (~self.missing).sum(axis=0)
        kinds = np.stack([self.checked.any(axis=0), n_given < CONSTANT_MIN_SESSIONS], axis=1)
        return tuple((bool(is_checked), bool(is_short)) for is_checked, is_short in kinds)

    @property
    def missing_ratio(self) -> float:
        """The ratio of missing cells behind the warm-up."""
        return float(self.missing[self.checked].mean())

    @property
    def line(self) -> str:
        warmup_missing = int((self.missing & ~self.checked).sum())
        return f"{count_missing(self.panel).line}, {warmup_missing} of them in the warm-up"

    def subject(self, rules: tuple[Rule, ...], note: str = "") -> GateSubject:
        days = self.panel.sessions
        if not len(days):
            return GateSubject(self.panel.symbol, date.min, date.min, rules, note)
        first, last = days[[0, -1]].astype("datetime64[D]").tolist()
        return GateSubject(self.panel.symbol, first, last, rules, note)


def _count_distinct(values: FloatArray) -> IntArray:
    """Return how many values differ in each column; NaN is none."""
    ordered = np.sort(values, axis=0)  # NaN last
    begins = np.append(np.ones((1, values.shape[1]), bool), ordered[1:] != ordered[:-1], axis=0)
    distinct: IntArray = (begins[: len(values)] & ~np.isnan(ordered)).sum(axis=0)
    return distinct


def _factor_suite(counted: Sequence[Counted], ranges: Ranges, missing_ratio_max: float) -> Suite:
    known: dict[tuple[tuple[bool, bool], ...], tuple[Rule, ...]] = {}
    subjects = []
    for one in counted:
        kinds = one.kinds
        if kinds not in known:
            pairs = zip(one.panel.factors, kinds, strict=True)
            known[kinds] = tuple(_put_rules_together(pairs, ranges, missing_ratio_max))
        subjects.append(one.subject(known[kinds]))
    wholes = pd.DataFrame([one.measure(ranges) for one in counted])
    return Suite(FACTORS_SUITE, subjects, _join_panels([one.panel for one in counted]), wholes)


def _put_rules_together(
    kinds: Iterable[tuple[str, tuple[bool, bool]]], ranges: Ranges, missing_ratio_max: float
) -> Iterator[Rule]:
    yield from panel_rules()
    for factor, (is_checked, may_be_constant) in kinds:
        yield from column_rules(
            factor,
            ranges.get(factor, (-math.inf, math.inf)),
            missing_ratio_max if is_checked else None,
            may_be_constant=may_be_constant,
        )


def _cell_suite(counted: Sequence[Counted], missing_ratio_max: float) -> Suite:
    rules = tuple(cell_rules(missing_ratio_max))
    subjects = [one.subject(rules, one.line) for one in counted]
    wholes = pd.DataFrame({"missing_ratio": [one.missing_ratio for one in counted]})
    return Suite(PANEL_SUITE, subjects, pd.DataFrame({"subject": []}, dtype=np.int64), wholes)


def _join_panels(panels: Sequence[FactorPanel]) -> pd.DataFrame:
    """Return the rows of all panels, each with how many rows of its panel its session has."""
    subject: IntArray = np.repeat(np.arange(len(panels)), [len(one.sessions) for one in panels])
    sessions = np.concatenate([panel.sessions for panel in panels]).astype("datetime64[us]")
    values = np.concatenate([panel.values for panel in panels]).astype(np.float64)
    rows = pd.DataFrame({"subject": subject, "session": sessions})
    rows["rows"] = rows.groupby(["subject", "session"])["session"].transform("size")
    return rows.join(pd.DataFrame(values, columns=list(panels[0].factors)))
