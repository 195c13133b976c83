"""The catalogue: scale-free technical factors, the rows of every image.

An entry names everything that its values depend on, so that `catalogue_hash` can stand for them.
"""

from __future__ import annotations

import hashlib
import json
from math import inf

import talib

from factorprism.factors._kernels import (
    EMA,
    SMA,
    bollinger_b,
    macd_histogram,
    slow_k,
    volume_ratio,
)
from factorprism.factors.factor import Factor
from factorprism.factors.flat_windows import FlatWindow
from factorprism.factors.segments import SEGMENT_YEARS, WARMUP_YEARS

# To be raised when a formula changes while its entry does not.
CATALOGUE_VERSION = 1

CLOSE = ("close",)
HIGH_LOW_CLOSE = ("high", "low", "close")

CATALOGUE: tuple[Factor, ...] = (
    Factor(
        name="roc_12",
        group="momentum",
        kernel=talib.ROC,
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
        group="momentum",
        kernel=talib.RSI,
        inputs=CLOSE,
        parameters={"timeperiod": 14},
        lookback=14,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Wilder, New Concepts in Technical Trading Systems (1978), section VI",
        recursive=True,
        undefined=FlatWindow("close unchanged", 14),
    ),
    Factor(
        name="cci_14",
        group="momentum",
        kernel=talib.CCI,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=13,
        # One outlier among n equal prices lies n / 2 mean deviations away, and none lies farther:
        # 14 / 0.03, rounded outwards.
        lower=-467.0,
        upper=467.0,
        unit="points",
        source="Lambert, Commodity Channel Index, Commodities, October 1980",
        undefined=FlatWindow("typical price unchanged", 13),
    ),
    Factor(
        name="willr_14",
        group="momentum",
        kernel=talib.WILLR,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=13,
        lower=-100.0,
        upper=0.0,
        unit="points",
        source="Williams, How I Made One Million Dollars Last Year Trading Commodities (1973), %R",
        undefined=FlatWindow("one single price", 13),
    ),
    Factor(
        name="mfi_14",
        group="volume",
        kernel=talib.MFI,
        inputs=("high", "low", "close", "volume_shares"),
        parameters={"timeperiod": 14},
        lookback=14,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Quong and Soudack, Volume-Weighted RSI: Money Flow, TASC, March 1989",
        undefined=FlatWindow("no money flow", 14),
    ),
    Factor(
        name="adx_14",
        group="trend",
        kernel=talib.ADX,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod": 14},
        lookback=27,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Wilder, New Concepts in Technical Trading Systems (1978), section IV",
        recursive=True,
        undefined=FlatWindow("high and low unchanged", 14),
    ),
    Factor(
        name="aroonosc_25",
        group="trend",
        kernel=talib.AROONOSC,
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
        group="momentum",
        kernel=talib.CMO,
        inputs=CLOSE,
        parameters={"timeperiod": 9},
        lookback=9,
        lower=-100.0,
        upper=100.0,
        unit="points",
        source="Chande and Kroll, The New Technical Trader (1994), CMO; smoothed after Wilder",
        recursive=True,
        undefined=FlatWindow("close unchanged", 9),
    ),
    Factor(
        name="ultosc_7_14_28",
        group="momentum",
        kernel=talib.ULTOSC,
        inputs=HIGH_LOW_CLOSE,
        parameters={"timeperiod1": 7, "timeperiod2": 14, "timeperiod3": 28},
        lookback=28,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Williams, The Ultimate Oscillator, TASC, August 1985",
        undefined=FlatWindow("no true range", 7),
    ),
    Factor(
        name="trix_15",
        group="trend",
        kernel=talib.TRIX,
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
        group="trend",
        kernel=macd_histogram,
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
        group="trend",
        kernel=talib.PPO,
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
        group="momentum",
        kernel=slow_k,
        inputs=HIGH_LOW_CLOSE,
        parameters={"fastk_period": 9, "slowk_period": 3, "slowk_matype": SMA},
        lookback=10,
        lower=0.0,
        upper=100.0,
        unit="points",
        source="Lane, Lane's Stochastics, TASC, May 1984",
        undefined=FlatWindow("one single price", 8, echo=2),
    ),
    Factor(
        name="bollinger_b_20",
        group="volatility",
        kernel=bollinger_b,
        inputs=CLOSE,
        parameters={"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0, "matype": SMA},
        lookback=19,
        # A value among n lies at most sqrt(n - 1) population deviations from their mean, which
        # gives (2 -+ sqrt(19)) / 4; rounded outwards.
        lower=-0.59,
        upper=1.59,
        unit="band widths",
        source="Bollinger, Bollinger on Bollinger Bands (2001), %b",
        undefined=FlatWindow("close unchanged", 19),
    ),
    Factor(
        name="natr_14",
        group="volatility",
        kernel=talib.NATR,
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
        group="volume",
        kernel=volume_ratio,
        inputs=("volume_shares",),
        parameters={"timeperiod": 20},
        lookback=19,
        lower=0.0,
        upper=20.0,
        unit="ratio",
        source="Murphy, Technical Analysis of the Financial Markets (1999), ch. 7, volume",
        undefined=FlatWindow("no volume", 20),
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
