"""The bar frame and the hashes: what counts as the same content, and what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from factorprism.core.arrays import hash_array
from factorprism.market.bars import hash_bars, make_bars


def _bars() -> pd.DataFrame:
    return make_bars(
        pd.DataFrame(
            {
                "symbol": "000300.SH",
                "session": ["2025-12-31", "2025-12-30"],
                "open": [2, 1],
                "high": [2.5, 1.5],
                "low": [1.5, 0.5],
                "close": [2.0, 1.0],
                "volume_shares": [10, 20],
            }
        )
    )


def test_bars_come_sorted_with_one_type_a_column() -> None:
    bars = _bars()
    assert list(bars["close"]) == [1.0, 2.0]
    assert bars["open"].dtype == "float64"
    assert bars["session"].dtype == "datetime64[us]"
    assert bars["amount_cny"].isna().all()


def test_a_frame_without_prices_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="close"):
        make_bars(_bars().drop(columns="close"))


def test_the_hash_is_of_the_content_not_of_its_order() -> None:
    bars = _bars()
    assert hash_bars(bars) == hash_bars(bars.iloc[::-1])


@pytest.mark.parametrize("column", ["close", "volume_shares", "amount_cny", "pct_chg"])
def test_any_changed_value_changes_the_hash(column: str) -> None:
    bars = _bars()
    changed = bars.copy()
    changed.loc[0, column] = 0.123
    assert hash_bars(bars) != hash_bars(changed)


def test_arrays_of_equal_content_hash_equally_whatever_their_layout() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert hash_array(values, "a") == hash_array(np.asfortranarray(values), "a")
    assert hash_array(values, "a") != hash_array(values, "b")
    assert hash_array(values, "a") != hash_array(values.reshape(4, 3), "a")
    assert hash_array(np.float32([np.nan, 0.0])) == hash_array(np.float32([-np.nan, -0.0]))
