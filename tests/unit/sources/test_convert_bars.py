"""The vendor's rows become bars in shares and CNY, and its messages the house's errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import AccessDenied, MalformedResponse, SourceError, Throttled
from factorprism.sources._answers import classify_refusal
from factorprism.sources._convert import FIELDS, convert_bars

SYMBOL = "000300.SH"


def rows(**columns: list[object]) -> pd.DataFrame:
    n_rows = len(next(iter(columns.values())))
    values: dict[str, list[object]] = {name: [1.0] * n_rows for name in FIELDS}
    values["ts_code"] = [SYMBOL] * n_rows
    values["trade_date"] = [f"202001{day:02d}" for day in range(31, 31 - n_rows, -1)]
    return pd.DataFrame(values | columns)


def test_shares_and_cny_come_back_exactly() -> None:
    generator = np.random.default_rng(7)
    shares = np.concatenate([generator.integers(0, 10**12, 5000), [0, 1, 99, 17076022400]])
    tenths = np.concatenate([generator.integers(0, 10**14, 5000), [0, 1, 44319774000, 3]])
    amount = tenths / 10
    frame = rows(vol=list(shares / 100), amount=list(amount / 1000))
    frame["trade_date"] = "20200102"
    frame["open"] = np.arange(len(frame))  # keeps the rows apart
    bars = convert_bars(frame, SYMBOL).sort_values("open")
    np.testing.assert_array_equal(bars["volume_shares"], shares)
    np.testing.assert_array_equal(bars["amount_cny"], amount)


def test_whole_prices_are_float_too() -> None:
    bars = convert_bars(rows(close=[3000, 3001]), SYMBOL)
    assert bars["close"].dtype == np.float64
    assert bars["close"].tolist() == [3001.0, 3000.0]  # ascending by session


def test_identical_rows_are_kept_once_and_others_all() -> None:
    frame = pd.concat([rows(close=[1.0, 2.0]), rows(close=[1.0, 2.5])])
    assert convert_bars(frame, SYMBOL)["close"].tolist() == [2.0, 2.5, 1.0]


def test_no_rows_give_an_empty_bar_frame() -> None:
    bars = convert_bars(pd.DataFrame(columns=list(FIELDS)), SYMBOL)
    assert bars.empty
    assert bars["session"].dtype == "datetime64[us]"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"ts_code": ["000905.SH"]}, r"asked for 000300\.SH, the vendor sent rows of 000905\.SH"),
        ({"trade_date": ["2020-1-2"]}, "trade_date '2020-1-2' is no date"),
        ({"trade_date": [None]}, "is no date"),
        ({"vol": ["many"]}, "vol 'many' is no number"),
    ],
)
def test_what_is_not_in_the_documented_form_is_refused(
    columns: dict[str, list[object]], words: str
) -> None:
    with pytest.raises(MalformedResponse, match=words):
        convert_bars(rows(**columns), SYMBOL)


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (40203, "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://", Throttled),
        (40203, "抱歉，您每小时最多访问该接口1次", Throttled),
        (40203, "抱歉，您每天最多访问该接口5次", Throttled),
        (40203, "抱歉，您没有访问该接口的权限，权限的具体详情访问：https://", AccessDenied),
        (40203, "抱歉，您没有接口(idx_factor_pro)访问权限", AccessDenied),
        (40101, "您的token不对，请确认。", AccessDenied),
        (-1, "您的TOKEN无效", AccessDenied),
        (2002, "", AccessDenied),
        (50101, "系统内部错误", SourceError),
        (-2001, "", SourceError),
    ],
)
def test_the_message_decides_the_kind_of_refusal(
    code: int, message: str, error: type[SourceError]
) -> None:
    refusal = classify_refusal(code, message)
    assert type(refusal) is error
    assert str(code) in refusal.message
    assert message in refusal.message
