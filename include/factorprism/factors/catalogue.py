"""The catalogue: sixteen scale-free technical factors, the rows of every image.

An entry names everything that its values depend on, so that `catalogue_hash` can stand for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

import numpy as np
import talib

from factorprism.factors import _kernels as kernels
from factorprism.factors._kernels import EMA, SMA, Column
from factorprism.factors.segments import SEGMENT_YEARS, WARMUP_YEARS
from factorprism.factors.stillness import Stillness, blank_still, find_runs

INPUTS = ("open", "high", "low", "close", "volume_shares")
# To be raised when a formula changes while its entry does not.
CATALOGUE_VERSION = 1


@dataclass(frozen=True)
class Factor:
    """One technical factor of one symbol.

    `inputs` are bar columns (`INPUTS`) in the order that `kernel` takes them; `lookback` counts
    the sessions before the first value; [`lower`, `upper`] is the closed range of the formula.
    A `recursive` kernel depends on all sessions before, others on the last `lookback` alone.
    Where `undefined` holds the value is NaN.
    """

    name: str
    kernel: Callable[..., Column] = field(repr=False)
    inputs: tuple[str, ...]
    parameters: Mapping[str, int | float] = field(hash=False)
    lookback: int
    lower: float
    upper: float
    unit: str
    source: str
    recursive: bool = False
    undefined: Stillness | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.inputs if name not in INPUTS]
        if unknown or not self.inputs:
            raise ValueError(f"inputs: {self.inputs}, allowed are some of {INPUTS}")

    def compute(self, *columns: Column) -> Column:
        """Return the factor, float64 [session], from `inputs` as contiguous float64 [session].

        The columns hold one symbol's bars, oldest first, without NaN. Row t reads rows up to t.
        The first `lookback` rows are NaN, and so is every row where the formula is undefined.
        """
        values = self.kernel(*columns, **self.parameters)
        if self.undefined is not None:
            named = dict(zip(self.inputs, columns, strict=True))
            blank_still(values, self.undefined, find_runs(self.undefined.what, named))
        return into_range(values, self.lower, self.upper)


def into_range(values: Column, lower: Column | float, upper: Column | float) -> Column:
    """Clip `values` in place, since running sums leave a formula's range by a last bit."""
    np.clip(values, lower, upper, out=values)
    # Which zero survives a clip at zero depends on where the row lies in memory: only +0.0 here.
    values += 0.0
    return values


CLOSE = ("close",)
HIGH_LOW_CLOSE = ("high", "low", "close")

CATALOGUE: tuple[Factor, ...] = (
    Factor(
        name="roc_12",
        kernel=kernels.roc,
        inputs=CLOSE,
        parameters={"timeperiod": 12},
        lookback=12,
        lower=-100.0,
        upper=inf,
        unit="per cent",
        source="Murphy, Technical Analysis of the Financial Markets (1999), ch. 10, rate of change",
    ),
    Factor(
        name="rsi_14",
        kernel=kernels.rsi,
        inputs=CLOSE,
        parameters={"timeperiod": 14},
        lookback=14,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Wilder, New Concepts in Technical Trading Systems (1978), section VI",
        recursive=True,
        undefined=Stillness("close unchanged", 14),
    ),
    Factor(
        name="cci_14",
        kernel=kernels.cci,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=13,
        # One outlier among n equal prices lies n / 2 mean deviations away, and none lies farther:
        # 14 / 0.03, rounded outwards.
        lower=-467.0,
        upper=467.0,
        unit="points",
        source="Lambert, Commodity Channel Index, Commodities, October 1980",
        undefined=Stillness("typical price unchanged", 13),
    ),
    Factor(
        name="willr_14",
        kernel=kernels.willr,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=13,
        lower=-100.0,
        upper=0.0,
        unit="points",
        source="Williams, How I Made One Million Dollars Last Year Trading Commodities (1973), %R",
        undefined=Stillness("one single price", 13),
    ),
    Factor(
        name="mfi_14",
        kernel=kernels.mfi,
        inputs=("high", "low", "close", "volume_shares"),
        parameters={"timeperiod": 14},
        lookback=14,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Quong and Soudack, Volume-Weighted RSI: Money Flow, TASC, March 1989",
        undefined=Stillness("no money flow", 14),
    ),
    Factor(
        name="adx_14",
        kernel=kernels.adx,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=27,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Wilder, New Concepts in Technical Trading Systems (1978), section IV",
        recursive=True,
        undefined=Stillness("high and low unchanged", 14),
    ),
    Factor(
        name="aroonosc_25",
        kernel=kernels.aroonosc,
        inputs=("high", "low"),
        parameters={"timeperiod": 25},
        lookback=25,
        lower=-100.0,
        upper=100.0,
        unit="points",
        source="Chande, A Time Price Oscillator, TASC, September 1995",
    ),
    Factor(
        name="cmo_9",
        kernel=kernels.cmo,
        inputs=CLOSE,
        parameters={"timeperiod": 9},
        lookback=9,
        lower=-100.0,
        upper=100.0,
        unit="points",
        source="Chande and Kroll, The New Technical Trader (1994), CMO; smoothed after Wilder",
        recursive=True,
        undefined=Stillness("close unchanged", 9),
    ),
    Factor(
        name="ultosc_7_14_28",
        kernel=kernels.ultosc,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod1": 7, "timeperiod2": 14, "timeperiod3": 28},
        lookback=28,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Williams, The Ultimate Oscillator, TASC, August 1985",
        undefined=Stillness("no true range", 7),
    ),
    Factor(
        name="trix_15",
        kernel=kernels.trix,
        inputs=CLOSE,
        parameters={"timeperiod": 15},
        lookback=43,
        lower=-100.0,
        upper=inf,
        unit="per cent",
        source="Hutson, Good TRIX, TASC, July 1983",
        recursive=True,
    ),
    Factor(
        name="macd_hist_12_26_9",
        kernel=kernels.macd_histogram,
        inputs=CLOSE,
        parameters={"fastperiod": 12, "slowperiod": 26, "signalperiod": 9},
        lookback=33,
        lower=-inf,
        upper=inf,
        unit="per cent of close",
        source="Appel, Technical Analysis: Power Tools for Active Investors (2005), MACD; "
        "histogram after Aspray (1986)",
        recursive=True,
    ),
    Factor(
        name="ppo_12_26",
        kernel=kernels.ppo,
        inputs=CLOSE,
        parameters={"fastperiod": 12, "slowperiod": 26, "matype": EMA},
        lookback=25,
        lower=-100.0,
        upper=inf,
        unit="per cent",
        source="StockCharts, ChartSchool, Percentage Price Oscillator",
        recursive=True,
    ),
    Factor(
        name="slow_k_9_3",
        kernel=kernels.slow_k,
        inputs=HIGH_LOW_CLOSE,
        parameters={"fastk_period": 9, "slowk_period": 3, "slowk_matype": SMA},
        lookback=10,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Lane, Lane's Stochastics, TASC, May 1984",
        undefined=Stillness("one single price", 8, echo=2),
    ),
    Factor(
        name="bollinger_b_20",
        kernel=kernels.bollinger_b,
        inputs=CLOSE,
        parameters={"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0, "matype": SMA},
        lookback=19,
        # A value among n lies at most sqrt(n - 1) population deviations from their mean, which
        # gives (2 -+ sqrt(19)) / 4; rounded outwards.
        lower=-0.59,
        upper=1.59,
        unit="band widths",
        source="Bollinger, Bollinger on Bollinger Bands (2001), %b",
        undefined=Stillness("close unchanged", 19),
    ),
    Factor(
        name="natr_14",
        kernel=kernels.natr,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=14,
        lower=0.0,
        upper=inf,
        unit="per cent of close",
        source="Forman, Cross-Market Evaluations with Normalized Average True Range, TASC, "
        "May 2006; range after Wilder (1978), section III",
        recursive=True,
    ),
    Factor(
        name="volume_ratio_20",
        kernel=kernels.volume_ratio,
        inputs=("volume_shares",),
        parameters={"timeperiod": 20},
        lookback=19,
        lower=0.0,
        upper=20.0,
        unit="ratio",
        source="Murphy, Technical Analysis of the Financial Markets (1999), ch. 7, volume",
        undefined=Stillness("no volume", 20),
    ),
)


def catalogue_hash(catalogue: tuple[Factor, ...] = CATALOGUE) -> str:
    """Return the SHA-256 (hex) of all that the factors' values depend on beside the bars.

    It covers the entries in their order (units and sources aside), the rule that cuts history into
    segments, and the versions of the catalogue, of TA-Lib's wrapper and of its C library.
    """
    content = {
        "version": CATALOGUE_VERSION,
        "segments": [SEGMENT_YEARS, WARMUP_YEARS],
        # The C library's version carries the moment of its build, which differs between wheels.
        "talib": [talib.__version__, talib.__ta_version__.decode().split()[0]],
        "factors": [
            [
                factor.name,
                factor.kernel.__name__,
                list(factor.inputs),
                sorted(factor.parameters.items()),
                factor.lookback,
                factor.lower,
                factor.upper,
                factor.recursive,
                str(factor.undefined),
            ]
            for factor in catalogue
        ],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
