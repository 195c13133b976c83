"""Files as people publish them: each style of the same bars loads to the very same frame."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.sources.published_styles import STYLES, draw_bars
from factorprism.core.errors import MalformedResponse
from factorprism.market.bars import BAR_COLUMNS
from factorprism.sources import FilesSource
from factorprism.sources.files import check_folder

LATER = datetime(2021, 1, 5)
SYMBOL = "000300.SH"
# Decimals of a change in per cent that every style writes.
PCT_DECIMALS = 2


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return draw_bars()


@pytest.fixture
def folder(style: Any, bars: pd.DataFrame, tmp_path: Path) -> Path:
    style.write(tmp_path / style.file, bars)
    if style.settings:
        (tmp_path / "files.toml").write_text(style.settings, "utf-8")
    return tmp_path


def read(folder: Path) -> pd.DataFrame:
    source = FilesSource(folder, now=lambda: LATER)
    (pull,) = source.fetch_bars([SYMBOL], date(2020, 1, 1), date(2020, 12, 31))
    return pull.bars


def test_every_style_loads_to_the_same_bars(style: Any, folder: Path, bars: pd.DataFrame) -> None:
    found = read(folder)
    assert tuple(found.columns) == BAR_COLUMNS
    assert found["session"].tolist() == bars["session"].tolist()
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(found[name], bars[name], err_msg=name)
    np.testing.assert_array_equal(found["volume_shares"], bars["volume"])
    for name, column in (("amount", "amount_cny"), ("pre_close", "pre_close")):
        expected = bars[name] if name in style.gives else bars[name] * np.nan
        np.testing.assert_array_equal(found[column], expected, err_msg=name)
    expected = bars["pct_chg"] if "pct_chg" in style.gives else bars["pct_chg"] * np.nan
    np.testing.assert_array_almost_equal(found["pct_chg"], expected, PCT_DECIMALS)


def test_every_style_passes_the_check_with_its_units_proved(style: Any, folder: Path) -> None:
    (verdict,) = check_folder(folder)
    assert verdict.loads, verdict.reason
    assert (verdict.file, verdict.symbol, verdict.n_rows) == (style.file, SYMBOL, 60)
    assert (verdict.gaps, verdict.strange, verdict.repeated) == ((), (), ())
    assert verdict.proof


def test_every_style_is_refused_under_another_instruments_name(
    style: Any, folder: Path, bars: pd.DataFrame
) -> None:
    """Where a file says of which instrument it is, its name must agree."""
    raw = (folder / style.file).read_bytes()
    says_code = style.name in (
        *("wind", "choice", "tdx", "netease", "baostock", "tushare", "yfinance"),
        *("excel", "parquet_decimals"),
    )
    (folder / style.file).unlink()
    (folder / f"000905.SH{Path(style.file).suffix}").write_bytes(raw)
    (verdict,) = check_folder(folder)
    if says_code:
        assert not verdict.loads
        assert "000905.SH" in verdict.reason
        assert "000300" in verdict.reason
    else:
        assert verdict.loads or "units" in verdict.reason


def test_a_style_whose_units_cannot_be_proved_asks_for_one_line_that_helps(
    bars: pd.DataFrame, tmp_path: Path
) -> None:
    style = next(style for style in STYLES if style.name == "investing_zh")
    style.write(tmp_path / style.file, bars)
    with pytest.raises(MalformedResponse, match="units cannot be proved") as caught:
        read(tmp_path)
    line = caught.value.remedy.rpartition(": ")[2]
    assert line == '"000300.SH" = { units = { volume = 100000 } }'
    (tmp_path / "files.toml").write_text(line, "utf-8")
    np.testing.assert_array_equal(read(tmp_path)["volume_shares"], bars["volume"])
