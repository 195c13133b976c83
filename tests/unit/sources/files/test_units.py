"""Units and the decimal sign are proved by the numbers or asked for; adjusted prices show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import MalformedResponse
from factorprism.sources.files import Reading, read_file
from factorprism.sources.files._settings import FileSettings, load_settings, settings_of

ETF, INDEX, OTHER_INDEX = "510300.SH", "000300.SH", "000016.SH"
REAL = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"
N_ROWS = 120


def draw(level: float, shares: float, average: float | None, seed: int = 3) -> pd.DataFrame:
    """Return bars near `level`; the average price is the day's own, or near `average`."""
    rng = np.random.default_rng(seed)
    sessions = calendar_for("XSHG").session_days
    days = sessions[sessions >= np.datetime64("2020-01-02")][:N_ROWS]
    close = level * np.exp(np.cumsum(rng.normal(0.0, 0.01, N_ROWS)))
    high, low = close * 1.008, close * 0.992
    volume = np.round(shares * rng.uniform(0.5, 1.5, N_ROWS))
    price = close if average is None else average * rng.uniform(0.9, 1.1, N_ROWS)
    return pd.DataFrame(
        {
            "date": days.astype(str),
            "open": close,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "amount": volume * price,
        }
    ).round({"open": 4, "high": 4, "low": 4, "close": 4, "amount": 2})


@pytest.fixture
def etf() -> pd.DataFrame:
    return draw(4.0, 5e8, None)


def write(folder: Path, frame: pd.DataFrame, symbol: str) -> Path:
    path = folder / f"{symbol}.csv"
    frame.to_csv(path, index=False)
    return path


def read(folder: Path, frame: pd.DataFrame, symbol: str, **said: Any) -> Reading:
    return read_file(write(folder, frame, symbol), symbol, FileSettings(**said))


PAIRS = [(1, 1), (100, 1), (100, 1e3), (1, 1e3), (100, 1e4), (1, 1e4)]


@pytest.mark.parametrize(("shares", "cny"), PAIRS)
def test_a_fund_proves_its_units_by_the_prices_of_the_day(
    tmp_path: Path, etf: pd.DataFrame, shares: float, cny: float
) -> None:
    written = etf.assign(volume=etf["volume"] / shares, amount=etf["amount"] / cny)
    reading = read(tmp_path, written, ETF)
    assert (reading.units.shares, reading.units.cny) == (shares, cny)
    assert reading.units.proof == "amount over volume lies between low and high on 120 of 120 rows"
    np.testing.assert_array_equal(reading.bars["volume_shares"], etf["volume"])
    np.testing.assert_allclose(reading.bars["amount_cny"], etf["amount"], rtol=1e-12)


@pytest.mark.parametrize("symbol", [OTHER_INDEX, "930955.SH", "880001.SH"])
def test_every_code_of_an_index_is_taken_for_one(tmp_path: Path, symbol: str) -> None:
    drawn = draw(4000.0, 1e10, 12.0)
    reading = read(tmp_path, drawn.assign(volume=drawn["volume"] / 100), symbol)
    assert (reading.units.shares, reading.units.cny) == (100, 1)


@pytest.mark.parametrize(("shares", "cny"), [(1, 1), (100, 1), (100, 1e3)])
def test_an_index_proves_lots_by_its_average_price(
    tmp_path: Path, shares: float, cny: float
) -> None:
    bars = draw(3000.0, 5e9, 9.0)
    written = bars.assign(volume=bars["volume"] / shares, amount=bars["amount"] / cny)
    reading = read(tmp_path, written, OTHER_INDEX)
    assert (reading.units.shares, reading.units.cny) == (shares, cny)


def test_a_known_market_tells_what_the_ratio_leaves_open(tmp_path: Path) -> None:
    """At 36 CNY a share, lots and thousands give 3.6, which could be shares and CNY."""
    bars = draw(2000.0, 1e10, 36.0)
    written = bars.assign(volume=bars["volume"] / 100, amount=bars["amount"] / 1000)
    assert read(tmp_path, written, "399006.SZ").units.shares == 100.0


@pytest.mark.parametrize(("shares", "cny"), [(1e4, 1e4), (1e6, 1e8)])
def test_greater_units_that_no_header_states_are_asked_for(
    tmp_path: Path, shares: float, cny: float
) -> None:
    """Their ratio is that of smaller units, and a volume of a few thousand is no index's."""
    bars = draw(3000.0, 5e9, 9.0)
    written = bars.assign(volume=bars["volume"] / shares, amount=bars["amount"] / cny)
    with pytest.raises(MalformedResponse, match="units cannot be proved"):
        read(tmp_path, written, OTHER_INDEX)
    whole = written.round({"volume": 0})
    with pytest.raises(MalformedResponse, match="units cannot be proved"):
        read(tmp_path, whole, OTHER_INDEX)
    reading = read(tmp_path, written, OTHER_INDEX, shares=shares, cny=cny)
    np.testing.assert_allclose(reading.bars["volume_shares"], bars["volume"], rtol=1e-9)


def test_two_units_that_fit_are_asked_for(tmp_path: Path) -> None:
    """At 5 CNY a share, thousands and ten thousands of CNY both give an average price."""
    bars = draw(3000.0, 5e9, 5.0)
    written = bars.assign(volume=bars["volume"] / 100, amount=bars["amount"] / 1000)
    with pytest.raises(MalformedResponse, match="fits lots and thousand CNY or lots and 10,000"):
        read(tmp_path, written, OTHER_INDEX)
    assert read(tmp_path, written, OTHER_INDEX, cny=1000.0).units.shares == 100.0


def test_units_in_a_header_of_two_languages_are_read(tmp_path: Path) -> None:
    bars = draw(3000.0, 5e9, 9.0)
    written = pd.DataFrame(
        {
            "日期Date": bars["date"].str.replace("-", ""),
            "指数代码Index Code": "000016",
            "开盘Open": bars["open"],
            "最高High": bars["high"],
            "最低Low": bars["low"],
            "收盘Close": bars["close"],
            "成交量（万手）Volume(M Shares)": bars["volume"] / 1e6,
            "成交金额（亿元）Turnover(100M CNY)": bars["amount"] / 1e8,
        }
    )
    reading = read(tmp_path, written, OTHER_INDEX)
    assert (reading.units.shares, reading.units.cny) == (1e6, 1e8)
    np.testing.assert_allclose(reading.bars["volume_shares"], bars["volume"], rtol=1e-9)


def test_an_amount_without_a_value_is_none(tmp_path: Path) -> None:
    bars = draw(4000.0, 1e10, 15.0)
    for nothing in (0.0, np.nan):
        reading = read(tmp_path, bars.assign(amount=nothing), INDEX)
        assert reading.bars["amount_cny"].isna().all()


def test_what_a_terminal_says_of_an_index_is_no_adjustment(tmp_path: Path) -> None:
    path = write(tmp_path, draw(4000.0, 1e10, 15.0), INDEX)
    path.write_text(f"000300 日线 前复权\n{path.read_text()}", "utf-8")
    assert len(read_file(path, INDEX).bars) == N_ROWS


def test_columns_of_the_vendor_have_its_units(tmp_path: Path) -> None:
    bars = draw(2000.0, 1e10, 36.0).rename(columns={"date": "trade_date", "volume": "vol"})
    written = bars.assign(ts_code=OTHER_INDEX, vol=bars["vol"] / 100, amount=bars["amount"] / 1000)
    reading = read(tmp_path, written, OTHER_INDEX)
    assert (reading.units.shares, reading.units.cny) == (100.0, 1000.0)


def test_units_that_contradict_the_numbers_are_refused(tmp_path: Path, etf: pd.DataFrame) -> None:
    with pytest.raises(MalformedResponse, match="with lots as said, 4 times the price"):
        read(tmp_path, etf.assign(amount=etf["amount"] * 4), ETF, shares=100.0)
    with pytest.raises(MalformedResponse, match="units cannot be proved"):
        read(tmp_path, etf, ETF, shares=100.0, cny=1.0)


@pytest.mark.parametrize("divisor", [1, 100])
def test_a_known_market_proves_volume_without_an_amount(tmp_path: Path, divisor: int) -> None:
    bars = draw(4000.0, 1e10, 15.0).drop(columns="amount")
    reading = read(tmp_path, bars.assign(volume=bars["volume"] / divisor), INDEX)
    assert reading.units.shares == divisor
    np.testing.assert_allclose(reading.bars["volume_shares"], bars["volume"], atol=50)


def test_an_unknown_market_without_an_amount_asks_for_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, draw(3000.0, 5e9, 9.0).drop(columns="amount"), OTHER_INDEX)
    with pytest.raises(MalformedResponse, match="there is no amount") as caught:
        read_file(path, OTHER_INDEX)
    line = caught.value.remedy.rpartition(": ")[2]
    (tmp_path / "files.toml").write_text(line, "utf-8")
    settings = settings_of(load_settings(tmp_path), OTHER_INDEX)
    assert read_file(path, OTHER_INDEX, settings).units.shares == 1.0


def test_a_fund_without_an_amount_must_say_that_it_is_unadjusted(
    tmp_path: Path, etf: pd.DataFrame
) -> None:
    bars = etf.drop(columns="amount")
    with pytest.raises(MalformedResponse) as caught:
        read(tmp_path, bars, ETF, shares=1.0)
    assert caught.value.remedy.endswith(
        '"510300.SH" = { units = { volume = "shares" }, adjusted = false }'
    )
    assert len(read(tmp_path, bars, ETF, shares=1.0, adjusted=False).bars) == N_ROWS


@pytest.mark.parametrize(
    ("symbol", "adjusted"), [("^GSPC", None), ("^HSI", None), ("AAPL.US", False), ("7203.T", False)]
)
def test_volume_abroad_is_taken_at_face_value(
    tmp_path: Path, symbol: str, adjusted: bool | None
) -> None:
    bars = draw(4000.0, 3e9, 15.0).drop(columns="amount")
    reading = read(tmp_path, bars, symbol, adjusted=adjusted)
    np.testing.assert_array_equal(reading.bars["volume_shares"], bars["volume"])
    assert reading.units.proof == "volume abroad is in shares"
    assert str(reading.units) == "shares, local currency"


def test_a_share_abroad_proves_an_amount_by_the_prices_of_the_day(
    tmp_path: Path, etf: pd.DataFrame
) -> None:
    reading = read(tmp_path, etf, "0700.HK")
    assert str(reading.units) == "shares, local currency"
    assert "lies between low and high" in reading.units.proof


def adjust(bars: pd.DataFrame, forward: bool) -> pd.DataFrame:
    """Return `bars` with two dividends of 3% worked into the prices, amount left as it was."""
    steps = np.ones(len(bars))
    for ex_day in (40, 80):
        steps[slice(None, ex_day) if forward else slice(ex_day, None)] *= 0.97 if forward else 1.03
    prices = ["open", "high", "low", "close"]
    return bars.assign(**{name: (bars[name] * steps).round(4) for name in prices})


@pytest.mark.parametrize("divisor", [1, 100])
@pytest.mark.parametrize("forward", [True, False])
def test_adjusted_prices_are_recognised_and_refused(
    tmp_path: Path, etf: pd.DataFrame, forward: bool, divisor: int
) -> None:
    written = adjust(etf, forward).assign(volume=etf["volume"] / divisor)
    with pytest.raises(MalformedResponse, match="the prices are adjusted") as caught:
        read(tmp_path, written, ETF)
    assert "adjusted = true" in caught.value.remedy
    reading = read(tmp_path, written, ETF, adjusted=True)
    assert reading.units.shares == divisor
    assert reading.bars["amount_cny"].isna().all()
    np.testing.assert_array_equal(reading.bars["close"], written["close"])


@pytest.mark.parametrize("name", ["沪深300 510300 前复权", "510300 后复权"])
def test_a_file_that_says_so_is_adjusted(tmp_path: Path, etf: pd.DataFrame, name: str) -> None:
    path = write(tmp_path, etf, ETF)
    path.write_text(f"{name}\n{path.read_text()}", "utf-8")
    with pytest.raises(MalformedResponse, match=f"adjusted: the file says {name[-3:]}"):
        read_file(path, ETF)


@pytest.mark.parametrize(("flag", "refused"), [("3", False), ("1", True), ("2", True)])
def test_the_flag_of_adjustment_is_read(
    tmp_path: Path, etf: pd.DataFrame, flag: str, refused: bool
) -> None:
    written = etf.assign(adjustflag=flag)
    if refused:
        with pytest.raises(MalformedResponse, match="adjusted"):
            read(tmp_path, written, ETF)
    else:
        read(tmp_path, written, ETF)


def test_a_change_that_is_a_ratio_becomes_per_cent(tmp_path: Path, etf: pd.DataFrame) -> None:
    change = etf["close"].pct_change()
    for size in (1.0, 100.0):
        bars = read(tmp_path, etf.assign(pct_chg=change * size), ETF).bars
        np.testing.assert_allclose(bars["pct_chg"][1:], change[1:] * 100)
    reading = read(tmp_path, etf.assign(pct_chg=change * 7), ETF)
    assert reading.bars["pct_chg"].isna().all()
    assert reading.notes == ("pct_chg does not follow from the closes and is left out",)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real index files of ../shared/data are not here")
@pytest.mark.parametrize(
    "symbol", ["000300.SH", "000905.SH", "399006.SZ", "000001.SH", "510300.SH"]
)
def test_real_files_prove_shares_and_lots(tmp_path: Path, symbol: str) -> None:
    folder = "cn_etf" if symbol == ETF else "cn_index"
    real = pd.read_csv(REAL / folder / f"{symbol}.csv", dtype={"trade_date": str})
    assert read(tmp_path, real, symbol).units.shares == 1.0
    lots = read(tmp_path, real.assign(volume=real["volume"] / 100), symbol)
    assert (lots.units.shares, lots.units.cny) == (100.0, 1.0)
    vendor = real.assign(volume=real["volume"] / 100, amount=real["amount"] / 1000)
    assert read(tmp_path, vendor, symbol).units.cny == 1000.0


PRICES = ["open", "high", "low", "close"]


def write_signs(folder: Path, bars: pd.DataFrame, symbol: str, form: str, delimiter: str) -> Path:
    """Write prices in `form`, as a number of three decimals or of none with its thousands."""
    texts = {name: [form.format(value) for value in bars[name]] for name in PRICES}
    if form == "{:.3f}":
        texts = {name: [cell.replace(".", ",") for cell in cells] for name, cells in texts.items()}
    whole = {name: bars[name].round().astype("int64") for name in ("volume", "amount")}
    path = folder / f"{symbol}.csv"
    bars.assign(**texts, **whole).to_csv(path, index=False, sep=delimiter)
    return path


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
@pytest.mark.parametrize(("form", "level"), [("{:.3f}", 4.0), ("{:,.0f}", 4000.0)])
@pytest.mark.parametrize("shares", [1, 100])
def test_a_comma_before_three_digits_is_what_the_average_price_proves(
    tmp_path: Path, form: str, level: float, shares: int, delimiter: str
) -> None:
    bars = draw(level, 5e8, None)
    written = bars.assign(volume=bars["volume"] // shares)
    reading = read_file(write_signs(tmp_path, written, ETF, form, delimiter), ETF)
    np.testing.assert_allclose(reading.bars["close"], bars["close"], rtol=2e-4)
    np.testing.assert_allclose(reading.bars["amount_cny"], bars["amount"], rtol=1e-8)
    assert (reading.units.shares, reading.units.cny) == (shares, 1.0)


def test_thousands_of_cny_that_nobody_says_prove_no_sign(tmp_path: Path) -> None:
    bars = draw(4.0, 5e8, None)
    path = write_signs(tmp_path, bars.assign(amount=bars["amount"] / 1e3), ETF, "{:.3f}", ";")
    with pytest.raises(MalformedResponse, match=r"line 2: open '4,.*thousands") as caught:
        read_file(path, ETF)
    assert '"510300.SH" = { decimal = "," }' in caught.value.remedy
    said = read_file(path, ETF, FileSettings(decimal=","))
    np.testing.assert_allclose(said.bars["close"], bars["close"], rtol=2e-4)
    assert said.units.cny == 1e3


def test_an_index_of_whole_points_is_asked_for_its_decimal_sign(tmp_path: Path) -> None:
    bars = draw(4128.0, 5e9, 9.0)
    path = write_signs(tmp_path, bars, INDEX, "{:,.0f}", ";")
    with pytest.raises(MalformedResponse, match="thousands") as caught:
        read_file(path, INDEX)
    assert 'decimal = ","' in caught.value.remedy
    (tmp_path / "files.toml").write_text('"000300.SH" = { decimal = "." }', "utf-8")
    said = settings_of(load_settings(tmp_path), INDEX)
    np.testing.assert_allclose(read_file(path, INDEX, said).bars["close"], bars["close"].round())


def test_an_unknown_decimal_sign_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files.toml").write_text('default = { decimal = ";" }', "utf-8")
    with pytest.raises(MalformedResponse, match="decimal is ';'"):
        load_settings(tmp_path)


@pytest.mark.parametrize("end", ["\n", ""])
def test_decimals_behind_a_comma_that_the_end_cuts_are_missed(tmp_path: Path, end: str) -> None:
    bars = draw(4.0, 5e8, None).drop(columns="amount")
    path = write_signs(tmp_path, bars.assign(amount=0), ETF, "{:.3f}", ";")
    columns = ["date", "volume", *PRICES]
    frame = pd.read_csv(path, sep=";", dtype=str)[columns]
    path.write_text(frame.to_csv(index=False, sep=";").rstrip("\n")[: None if end else -1] + end)
    said = FileSettings(decimal=",", shares=1.0, adjusted=False)
    if end:
        assert len(read_file(path, ETF, said).bars) == N_ROWS
        return
    with pytest.raises(MalformedResponse, match="cut short"):
        read_file(path, ETF, said)
