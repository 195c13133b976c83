"""The gate's second half: proves a panel of factors fit to become images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.schemas import FactorPanel, QualityResult
from factorprism.quality._judge import Subject, judge
from factorprism.quality.factor_rules import cell_rules, column_rules, panel_rules
from factorprism.quality.missing import count_missing

PANEL_SUITE = "factors_panel"
FACTORS_SUITE = "factors"
# Fewer values than one image holds may well be all alike.
CONSTANT_MIN_SESSIONS = 60


def check_factors(
    panel: FactorPanel,
    ranges: Mapping[str, tuple[float, float]],
    missing_ratio_max: float,
    warmup: Mapping[str, int] | None = None,
) -> list[QualityResult]:
    """Judge one symbol's panel by the expectations of ``docs/quality.md``.

    Parameters
    ----------
    panel
        float32 [session, factor], NaN where missing.
    ranges
        Documented closed range of each factor; an infinite bound is not judged. Every factor named
        here must be in the panel.
    missing_ratio_max
        Largest allowed ratio of missing cells, of each factor and of the whole panel.
    warmup
        Sessions at the panel's start for which a factor cannot exist yet. Their cells are counted
        in the panel's N, but are no part of the judged ratios. Default: none.

    Raises
    ------
    ValueError
        If `missing_ratio_max` is no ratio or a warm-up is negative.
    """
    if not 0.0 <= missing_ratio_max <= 1.0:
        raise ValueError(f"missing_ratio_max: {missing_ratio_max}, allowed is 0 to 1")
    starts = [(warmup or {}).get(factor, 0) for factor in panel.factors]
    if any(start < 0 for start in starts):
        raise ValueError(f"warmup: {dict(warmup or {})}, allowed are counts from 0 on")
    judged = _judged_cells(panel, starts)
    missing = np.isnan(panel.values)
    subject = _subject(panel)
    results = judge(
        _factor_frame(panel, missing, judged),
        panel_rules(ranges)
        + [
            rule
            for index, factor in enumerate(panel.factors)
            for rule in column_rules(
                factor,
                ranges.get(factor, (-math.inf, math.inf)),
                missing_ratio_max if judged[:, index].any() else None,
                may_be_constant=int((~missing[:, index]).sum()) < CONSTANT_MIN_SESSIONS,
            )
        ],
        FACTORS_SUITE,
        subject,
    )
    if judged.any():
        line = count_missing(panel).line
        cells = pd.DataFrame({"cell_missing": missing[judged].astype("float64")})
        warmup_missing = int((missing & ~judged).sum())
        results += judge(
            cells.assign(session=np.broadcast_to(panel.sessions[:, None], judged.shape)[judged]),
            cell_rules(missing_ratio_max, line, warmup_missing),
            PANEL_SUITE,
            subject,
        )
    return results


def _judged_cells(panel: FactorPanel, starts: list[int]) -> npt.NDArray[np.bool_]:
    rows = np.arange(len(panel.sessions))[:, None]
    return rows >= np.array(starts, dtype=np.int64)[None, :]


def _factor_frame(
    panel: FactorPanel, missing: npt.NDArray[np.bool_], judged: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    columns: dict[str, npt.NDArray[np.generic]] = {
        "session": panel.sessions.astype("datetime64[us]")
    }
    for index, factor in enumerate(panel.factors):
        columns[factor] = panel.values[:, index].astype(np.float64)
        columns[f"{factor} missing"] = np.where(judged[:, index], missing[:, index], np.nan)
    return pd.DataFrame(columns)


def _subject(panel: FactorPanel) -> Subject:
    if not len(panel.sessions):
        return Subject(panel.symbol, date.min, date.min)
    days: list[date] = panel.sessions[[0, -1]].astype("datetime64[D]").tolist()
    return Subject(panel.symbol, days[0], days[1])
