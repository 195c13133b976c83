"""One series of invented bars, written to a file as each publisher of such files writes it.

Every style holds the very same bars, so that each must load to the same frame. The layouts are
those of the exports; the numbers are drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import xlsxwriter

from factorprism.core.calendar import calendar_for

SYMBOL = "000300.SH"
NAME = "沪深300"
SHANGHAI = ZoneInfo("Asia/Shanghai")
Bars = pd.DataFrame
Writer = Callable[[Path, Bars], None]


@dataclass(frozen=True)
class Style:
    """A publisher's way to write bars: `write` makes ``file`` in a folder.

    `gives` names what the file holds beyond prices and volume; `settings` is the one line of
    ``files.toml`` that it needs, if it needs one.
    """

    name: str
    file: str
    write: Writer
    gives: tuple[str, ...] = ("amount",)
    settings: str = ""


def draw_bars(n_rows: int = 60, seed: int = 12, first: date = date(2020, 1, 2)) -> Bars:
    """Return `n_rows` bars of an index: prices of two decimals, volume in whole 10,000 shares.

    Amount is in whole ten thousands of CNY; the average price lies near 17 CNY a share.
    """
    rng = np.random.default_rng(seed)
    calendar = calendar_for("XSHG")
    sessions = calendar.session_days[calendar.session_days >= np.datetime64(first)][: n_rows + 1]
    close = np.round(4000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n_rows + 1))), 2)
    pre_close, close = close[:-1], close[1:]
    open_ = np.round(pre_close * np.exp(rng.normal(0.0, 0.003, n_rows)), 2)
    high = np.round(np.maximum(open_, close) * (1.0 + rng.uniform(0.0001, 0.01, n_rows)), 2)
    low = np.round(np.minimum(open_, close) * (1.0 - rng.uniform(0.0001, 0.01, n_rows)), 2)
    volume = rng.integers(900_000, 2_500_000, n_rows) * 10_000.0
    amount = np.round(volume * rng.uniform(15.0, 19.0, n_rows) / 10_000.0) * 10_000.0
    return pd.DataFrame(
        {
            "session": sessions[1:].astype("datetime64[us]"),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "amount": amount,
            "pre_close": pre_close,
            "change": np.round(close - pre_close, 2),
            "pct_chg": np.round(100.0 * (close / pre_close - 1.0), 4),
        }
    )


def days(bars: Bars, form: str) -> list[str]:
    return [day.strftime(form) for day in bars["session"]]


def short_days(bars: Bars) -> list[str]:
    return [f"{day.year}/{day.month}/{day.day}" for day in bars["session"]]


def whole(values: pd.Series) -> list[str]:
    return [str(round(value)) for value in values]


def fixed(values: pd.Series, decimals: int = 2) -> list[str]:
    return [f"{value:.{decimals}f}" for value in values]


def grouped(values: pd.Series) -> list[str]:
    return [f"{value:,.2f}" for value in values]


def write_rows(
    path: Path,
    columns: dict[str, list[str]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    quoted: bool = False,
    newest_first: bool = False,
    before: str = "",
    after: str = "",
) -> None:
    quote = '"' if quoted else ""

    def line(cells: tuple[str, ...]) -> str:
        return delimiter.join(f"{quote}{cell}{quote}" for cell in cells) + "\r\n"

    rows = list(zip(*columns.values(), strict=True))
    lines = [line(row) for row in (reversed(rows) if newest_first else rows)]
    text = before + line(tuple(columns)) + "".join(lines) + after
    path.write_bytes(text.encode(encoding))


def write_wind(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "代码": [SYMBOL] * len(bars),
            "名称": [NAME] * len(bars),
            "日期": days(bars, "%Y-%m-%d"),
            "前收盘价(元)": grouped(bars["pre_close"]),
            "开盘价(元)": grouped(bars["open"]),
            "最高价(元)": grouped(bars["high"]),
            "最低价(元)": grouped(bars["low"]),
            "收盘价(元)": grouped(bars["close"]),
            "成交量(万股)": fixed(bars["volume"] / 1e4),
            "成交金额(万元)": fixed(bars["amount"] / 1e4),
            "涨跌幅(%)": fixed(bars["pct_chg"], 4),
        },
        encoding="gb18030",
        quoted=True,
        after="\r\n\r\n数据来源：Wind\r\n",
    )


def write_choice(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "证券代码": [SYMBOL] * len(bars),
            "证券名称": [NAME] * len(bars),
            "交易时间": days(bars, "%Y-%m-%d 00:00"),
            "开盘价": fixed(bars["open"], 4),
            "最高价": fixed(bars["high"], 4),
            "最低价": fixed(bars["low"], 4),
            "收盘价": fixed(bars["close"], 4),
            "成交量(股)": whole(bars["volume"]),
            "成交额(元)": whole(bars["amount"]),
        },
        encoding="utf-16",
        delimiter="\t",
        after="数据来源：东方财富Choice数据\r\n",
    )


def write_ths(path: Path, bars: Bars) -> None:
    weekdays = [f"{day:%Y-%m-%d},{'一二三四五六日'[day.weekday()]}" for day in bars["session"]]
    write_rows(
        path,
        {
            "时间": weekdays,
            "开盘": fixed(bars["open"]),
            "最高": fixed(bars["high"]),
            "最低": fixed(bars["low"]),
            "收盘": fixed(bars["close"]),
            "涨幅": [f"{value:.4f}%" for value in bars["pct_chg"]],
            "振幅": ["1.20%"] * len(bars),
            "总手": whole(bars["volume"] / 100),
            "金额": whole(bars["amount"]),
            "换手%": ["--"] * len(bars),
        },
        delimiter="\t",
        encoding="gbk",
    )


def write_tdx(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "      日期": short_days(bars),
            "    开盘": fixed(bars["open"]),
            "    最高": fixed(bars["high"]),
            "    最低": fixed(bars["low"]),
            "    收盘": fixed(bars["close"]),
            "    成交量": whole(bars["volume"] / 100),
            "    成交额": fixed(bars["amount"]),
        },
        delimiter="\t",
        encoding="gbk",
        before=f"{NAME} (000300) 日线 不复权\r\n",
        after="数据来源:通达信\r\n",
    )


def write_netease(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "日期": days(bars, "%Y-%m-%d"),
            "股票代码": ["'000300"] * len(bars),
            "名称": [NAME] * len(bars),
            "收盘价": fixed(bars["close"], 4),
            "最高价": fixed(bars["high"], 4),
            "最低价": fixed(bars["low"], 4),
            "开盘价": fixed(bars["open"], 4),
            "前收盘": fixed(bars["pre_close"], 4),
            "涨跌额": fixed(bars["change"], 4),
            "涨跌幅": fixed(bars["pct_chg"], 4),
            "换手率": ["None"] * len(bars),
            "成交量": whole(bars["volume"]),
            "成交金额": fixed(bars["amount"], 1),
            "总市值": ["None"] * len(bars),
        },
        encoding="gbk",
        newest_first=True,
    )


def write_eastmoney(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "日期": days(bars, "%Y-%m-%d"),
            "开盘": fixed(bars["open"]),
            "收盘": fixed(bars["close"]),
            "最高": fixed(bars["high"]),
            "最低": fixed(bars["low"]),
            "成交量": whole(bars["volume"] / 100),
            "成交额": fixed(bars["amount"], 1),
            "振幅": ["1.23"] * len(bars),
            "涨跌幅": fixed(bars["pct_chg"], 4),
            "涨跌额": fixed(bars["change"]),
            "换手率": ["0.5"] * len(bars),
        },
        encoding="utf-8-sig",
    )


def write_eastmoney_yi(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "日期": short_days(bars),
            "开盘": grouped(bars["open"]),
            "收盘": grouped(bars["close"]),
            "最高": grouped(bars["high"]),
            "最低": grouped(bars["low"]),
            "成交量": [f"{value / 1e8:.6f}亿" for value in bars["volume"]],
            "成交额": [f"{value / 1e8:.4f}亿" for value in bars["amount"]],
        },
        quoted=True,
        encoding="utf-8-sig",
    )


def write_sina(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "date": days(bars, "%Y-%m-%d"),
            "open": fixed(bars["open"], 3),
            "high": fixed(bars["high"], 3),
            "low": fixed(bars["low"], 3),
            "close": fixed(bars["close"], 3),
            "volume": whole(bars["volume"]),
        },
    )


def write_baostock(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "date": days(bars, "%Y-%m-%d"),
            "code": ["sh.000300"] * len(bars),
            "open": fixed(bars["open"], 4),
            "high": fixed(bars["high"], 4),
            "low": fixed(bars["low"], 4),
            "close": fixed(bars["close"], 4),
            "preclose": fixed(bars["pre_close"], 4),
            "volume": whole(bars["volume"]),
            "amount": fixed(bars["amount"], 4),
            "adjustflag": ["3"] * len(bars),
            "turn": [""] * len(bars),
            "pctChg": fixed(bars["pct_chg"], 6),
        },
    )


def write_akshare_index(path: Path, bars: Bars) -> None:
    frame = bars.assign(date=days(bars, "%Y-%m-%d"), amount=bars["amount"])
    frame[["date", "open", "close", "high", "low", "volume", "amount"]].to_csv(path)


def write_tushare(path: Path, bars: Bars) -> None:
    frame = pd.DataFrame(
        {
            "ts_code": SYMBOL,
            "trade_date": days(bars, "%Y%m%d"),
            "close": bars["close"],
            "open": bars["open"],
            "high": bars["high"],
            "low": bars["low"],
            "pre_close": bars["pre_close"],
            "change": bars["change"],
            "pct_chg": bars["pct_chg"],
            "vol": bars["volume"] / 100,
            "amount": bars["amount"] / 1000,
        }
    )
    frame[::-1].to_csv(path, index=False)


def write_tushare_floats(path: Path, bars: Bars) -> None:
    frame = pd.DataFrame(
        {
            "trade_date": [float(day) for day in days(bars, "%Y%m%d")],
            "open": bars["open"],
            "high": bars["high"],
            "low": bars["low"],
            "close": bars["close"],
            "volume": bars["volume"] / 100,
            "amount": bars["amount"] / 1000,
        }
    )
    frame.to_csv(path, index=False)


def write_yahoo(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "Date": days(bars, "%Y-%m-%d"),
            "Open": fixed(bars["open"], 6),
            "High": fixed(bars["high"], 6),
            "Low": fixed(bars["low"], 6),
            "Close": fixed(bars["close"], 6),
            "Adj Close": fixed(bars["close"] * 0.9, 6),
            "Volume": whole(bars["volume"]),
        },
    )


def write_yfinance(path: Path, bars: Bars) -> None:
    stamps = [f"{day:%Y-%m-%d} 00:00:00+08:00" for day in bars["session"]]
    write_rows(
        path,
        {
            "Price": ["Ticker", "Date", *stamps],
            "Close": ["000300.SS", "", *fixed(bars["close"], 6)],
            "High": ["000300.SS", "", *fixed(bars["high"], 6)],
            "Low": ["000300.SS", "", *fixed(bars["low"], 6)],
            "Open": ["000300.SS", "", *fixed(bars["open"], 6)],
            "Volume": ["000300.SS", "", *whole(bars["volume"])],
        },
    )


def write_investing_en(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "Date": days(bars, "%m/%d/%Y"),
            "Price": grouped(bars["close"]),
            "Open": grouped(bars["open"]),
            "High": grouped(bars["high"]),
            "Low": grouped(bars["low"]),
            "Vol.": [f"{value / 1e9:.5f}B" for value in bars["volume"]],
            "Change %": [f"{value:.2f}%" for value in bars["pct_chg"]],
        },
        quoted=True,
        encoding="utf-8-sig",
        newest_first=True,
    )


def write_investing_zh(path: Path, bars: Bars) -> None:
    write_rows(
        path,
        {
            "日期": short_days(bars),
            "收盘": grouped(bars["close"]),
            "开盘": grouped(bars["open"]),
            "高": grouped(bars["high"]),
            "低": grouped(bars["low"]),
            "交易量": [f"{value / 1e3 / 1e5:,.4f}K" for value in bars["volume"]],
            "涨跌幅": [f"{value:.2f}%" for value in bars["pct_chg"]],
        },
        quoted=True,
        newest_first=True,
    )


def write_excel_serials(path: Path, bars: Bars) -> None:
    serials = [(day.date() - date(1899, 12, 30)).days for day in bars["session"]]
    write_rows(
        path,
        {
            "Trade Date": [str(serial) for serial in serials],
            "OPEN": [f"{value:.2f}".replace(".", ",") for value in bars["open"]],
            "HIGH": [f"{value:.2f}".replace(".", ",") for value in bars["high"]],
            "LOW": [f"{value:.2f}".replace(".", ",") for value in bars["low"]],
            "CLOSE": [f"{value:.2f}".replace(".", ",") for value in bars["close"]],
            "VOLUME": whole(bars["volume"]),
            "AMOUNT": whole(bars["amount"]),
        },
        delimiter=";",
    )


def write_parquet_index(path: Path, bars: Bars) -> None:
    frame = bars[["open", "high", "low", "close", "volume", "amount"]]
    frame.set_index(pd.DatetimeIndex(bars["session"], name="Date")).to_parquet(path)


def write_parquet_utc(path: Path, bars: Bars) -> None:
    stamps = [
        datetime.combine(day.date(), datetime.min.time(), SHANGHAI).astimezone(ZoneInfo("UTC"))
        for day in bars["session"]
    ]
    frame = bars[["open", "high", "low", "close", "volume", "amount"]].assign(time=stamps)
    frame.to_parquet(path)


def write_parquet_decimals(path: Path, bars: Bars) -> None:
    from decimal import Decimal

    frame = pd.DataFrame({"trade_date": [day.date() for day in bars["session"]]})
    for name in ("open", "high", "low", "close", "volume", "amount"):
        frame[name] = [Decimal(f"{value:.2f}") for value in bars[name]]
    frame.assign(symbol="000300.XSHG").to_parquet(path)


def write_house(path: Path, bars: Bars) -> None:
    frame = bars.assign(trade_date=days(bars, "%Y-%m-%d"))
    frame[["trade_date", "open", "high", "low", "close", "volume", "amount"]].to_csv(
        path, index=False
    )


def write_epoch(path: Path, bars: Bars) -> None:
    stamps = [
        datetime.combine(day.date(), datetime.min.time(), SHANGHAI) + timedelta(hours=15)
        for day in bars["session"]
    ]
    write_rows(
        path,
        {
            "timestamp": [str(round(stamp.timestamp() * 1000)) for stamp in stamps],
            "open": fixed(bars["open"]),
            "high": fixed(bars["high"]),
            "low": fixed(bars["low"]),
            "close": fixed(bars["close"]),
            "volume": whole(bars["volume"]),
            "money": whole(bars["amount"]),
        },
        encoding="utf-16-le",
    )


def write_excel(path: Path, bars: Bars) -> None:
    """A terminal's workbook: a title, an empty row, dates of Excel, a remark, an empty sheet."""
    header = ["日期", "开盘价", "最高价", "最低价", "收盘价", "成交量(万股)", "成交额(万元)"]
    scaled = bars.assign(volume=bars["volume"] / 1e4, amount=bars["amount"] / 1e4)
    names = ["open", "high", "low", "close", "volume", "amount"]
    with xlsxwriter.Workbook(str(path)) as book:
        sheet, day = book.add_worksheet("行情"), book.add_format({"num_format": "yyyy-mm-dd"})
        book.add_worksheet("Sheet2")
        sheet.write(0, 0, "沪深300(000300.SH)")
        sheet.write_row(2, 0, header)
        for row, bar in enumerate(scaled.itertuples(), start=3):
            sheet.write_datetime(row, 0, bar.session.to_pydatetime(), day)
            sheet.write_row(row, 1, [getattr(bar, name) for name in names])
        sheet.write(len(bars) + 3, 0, "数据来源：Wind")


PREVIOUS = ("pre_close", "pct_chg")
STYLES = (
    Style("house", "000300.SH.csv", write_house),
    Style("wind", "000300.SH.csv", write_wind, ("amount", *PREVIOUS)),
    Style("choice", "000300.SH.csv", write_choice),
    Style("ths", "000300.SH.txt", write_ths, ("amount", "pct_chg")),
    Style("tdx", "SH#000300.txt", write_tdx),
    Style("netease", "000300.SH.csv", write_netease, ("amount", *PREVIOUS)),
    Style("eastmoney", "sh000300.csv", write_eastmoney, ("amount", "pct_chg")),
    Style("eastmoney_yi", "000300.SH.csv", write_eastmoney_yi),
    Style("sina", "sh000300.csv", write_sina, ()),
    Style("baostock", "sh.000300.csv", write_baostock, ("amount", *PREVIOUS)),
    Style("akshare_index", "000300.SH.csv", write_akshare_index),
    Style("tushare", "000300.SH.csv", write_tushare, ("amount", *PREVIOUS)),
    Style("tushare_floats", "000300.SH.csv", write_tushare_floats),
    Style("yahoo", "000300.SS.csv", write_yahoo, ()),
    Style("yfinance", "000300.SS.csv", write_yfinance, ()),
    Style("investing_en", "000300.SH.csv", write_investing_en, ("pct_chg",)),
    Style(
        "investing_zh",
        "000300.SH.csv",
        write_investing_zh,
        ("pct_chg",),
        '"000300.SH" = { units = { volume = 100000 } }',
    ),
    Style("excel_serials", "000300.SH.csv", write_excel_serials),
    Style("excel", "000300.SH.xlsx", write_excel),
    Style("excel_of_text", "000300.SH.xls", write_ths, ("amount", "pct_chg")),
    Style("parquet_index", "000300.SH.parquet", write_parquet_index),
    Style("parquet_utc", "000300.SH.parquet", write_parquet_utc),
    Style("parquet_decimals", "000300.XSHG.parquet", write_parquet_decimals),
    Style("epoch", "000300.SH.csv", write_epoch),
)
