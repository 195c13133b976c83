"""Column names: what people call the date, the prices, volume and amount, and what they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from factorprism.sources.files._refusal import FileRefused

# By role, as `normalise_name` leaves them. The second tier counts where the first is absent.
ALIASES: Mapping[str, tuple[str, str]] = {
    "date": (
        "date trddt tradedate tradingdate tradeday tradingday day 日期 交易日期 交易日",
        "time datetime timestamp 时间 交易时间",
    ),
    "open": ("open opnindex opnprc openprice openingprice 开盘 开盘价 开盘点位 今开 今开盘", "o"),
    "high": ("high hiindex hiprc highprice highest 最高 最高价 最高点位 高", "h"),
    "low": ("low loindex loprc lowprice lowest 最低 最低价 最低点位 低", "l"),
    "close": (
        "close clsindex clsprc closeprice closingprice close/last 收盘 收盘价 收盘点位 今收 今收盘",
        "price last latest 最新价 c",
    ),
    "pre_close": (
        "preclose prevclose previousclose lastclose lclose 前收盘 前收盘价 前收 昨收 昨收盘 昨收价",
        "",
    ),
    "pct_chg": (
        "pctchg pctchange changepct changepercent change% chg% %change %chg 涨跌幅 涨幅 涨跌幅%"
        " 涨幅% 涨跌% 涨跌百分比",
        "",
    ),
    "volume": (
        "volume vol dnshrtrd tradingvolume tradevolume 成交量 交易量 总手 成交股数 总成交量",
        "v",
    ),
    "amount": (
        "amount amt money dnvaltrd totalturnover turnovervalue tradingvalue"
        " 成交额 成交金额 交易额 金额 成交总额 总成交额",
        "",
    ),
    "code": (
        "tscode orderbookid indexcd stkcd code symbol ticker stockcode indexcode windcode thscode"
        " secucode 代码 股票代码"
        " 证券代码 指数代码 基金代码 品种代码 股票 合约代码",
        "",
    ),
    "adjustment": ("adjustflag adjust 复权 复权方式 复权状态 复权类型", ""),
    "adj_close": (
        "adjclose adjustedclose closeadj 复权收盘价 前复权收盘价 后复权收盘价 收盘价前复权"
        " 收盘价后复权",
        "",
    ),
}
ROLES = tuple(ALIASES)
REQUIRED = ("date", "open", "high", "low", "close", "volume")
_ROLE_OF = tuple(
    {name: role for role, tiers in ALIASES.items() for name in tiers[tier].split()}
    for tier in range(2)
)
# Units that a header states, by the words in its brackets or by the name itself.
VOLUME_UNITS = {
    "股": 1.0,
    "份": 1.0,
    "shares": 1.0,
    "share": 1.0,
    "手": 100.0,
    "lots": 100.0,
    "lot": 100.0,
    "千股": 1e3,
    "万股": 1e4,
    "万手": 1e6,
    "百万股": 1e6,
    "亿股": 1e8,
}
AMOUNT_UNITS = {
    "元": 1.0,
    "cny": 1.0,
    "rmb": 1.0,
    "人民币": 1.0,
    "千元": 1e3,
    "万元": 1e4,
    "万": 1e4,
    "百万": 1e6,
    "百万元": 1e6,
    "亿": 1e8,
    "亿元": 1e8,
}
NAMED_UNITS = {"总手": "手"}
# CSI writes both languages: 成交量(万手)Volume(M Shares), 开盘Open.
_BRACKETS = re.compile(r"(.+?)[(\[]([^)\]]*)[)\]].*")
_CHINESE_FIRST = re.compile(r"([\u4e00-\u9fff]+)[a-z]+")


@dataclass(frozen=True)
class Columns:
    """Which column (its position) plays which role, and the units that the header states.

    `shares` and `cny` are what one unit of volume and amount is worth, None where nothing is said.
    """

    positions: Mapping[str, int]
    shares: float | None
    cny: float | None


@lru_cache(maxsize=4096)
def normalise_name(header: str) -> tuple[str, str]:
    """Return a column's name and the unit in its brackets, without case, spaces and marks."""
    text = unicodedata.normalize("NFKC", header).strip("\ufeff'\"*<> \t").lower()
    found = _BRACKETS.fullmatch(text)
    base, unit = found.groups() if found else (text, "")
    name = re.sub(r"[\s_\-.]+", "", base)
    both = _CHINESE_FIRST.fullmatch(name)
    return both.group(1) if both else name, re.sub(r"\s+", "", unit)


def roles_of(names: Sequence[str]) -> set[str]:
    """Return the roles that `names` play: a header plays several, any other line hardly one."""
    return {role for name in names for role in _roles_of(name)}


def assign_columns(
    names: Sequence[str], own: Mapping[str, str], header_line: int | None
) -> Columns:
    """Return which of `names` plays which role; `own` is what the folder's owner says (role: name).

    An empty name in `own` leaves the role out. Raises `FileRefused` where a role is played twice,
    or a needed one by none.
    """
    positions: dict[str, int] = {}
    for role in ROLES:
        found = _find_own(role, own[role], names) if role in own else _find(role, names)
        if len(found) > 1:
            raise _twice(role, [names[index] for index in found], found, header_line)
        if found:
            positions[role] = found[0]
    if "date" not in positions and (unnamed := _find_unnamed(names)) is not None:
        positions["date"] = unnamed
    _require(positions, names, header_line)
    return Columns(
        positions,
        _stated_unit(names, positions.get("volume"), VOLUME_UNITS),
        _stated_unit(names, positions.get("amount"), AMOUNT_UNITS),
    )


def _roles_of(name: str) -> list[str]:
    base, _ = normalise_name(name)
    return [tier[base] for tier in _ROLE_OF if base in tier]


def _find(role: str, names: Sequence[str]) -> list[int]:
    for tier in _ROLE_OF:
        found = [
            position
            for position, name in enumerate(names)
            if tier.get(normalise_name(name)[0]) == role
        ]
        if found:
            return found
    return []


def _find_own(role: str, wanted: str, names: Sequence[str]) -> list[int]:
    if not wanted:
        return []
    found = [position for position, name in enumerate(names) if name.strip() == wanted.strip()]
    if not found:
        raise FileRefused(
            f"files.toml names column {wanted!r} for {role}, and there is none",
            remedy=f"It has {list_names(names)}.",
        )
    return found


def _find_unnamed(names: Sequence[str]) -> int | None:
    """Return the one column without a name: how a table's index is written to a file."""
    found = [
        position
        for position, name in enumerate(names)
        if not name.strip() or name.startswith(("Unnamed: 0", "__index_level_"))
    ]
    return found[0] if len(found) == 1 else None


def _require(positions: Mapping[str, int], names: Sequence[str], line: int | None) -> None:
    absent = [role for role in REQUIRED if role not in positions]
    if not absent:
        return
    which = f"column{'s' if len(absent) > 1 else ''} {', '.join(absent)}"
    adjusted = "; its closes are adjusted ones alone" if "adj_close" in positions else ""
    raise FileRefused(
        f"{which} {'are' if len(absent) > 1 else 'is'} missing{adjusted}",
        line=line,
        remedy=f"It has {list_names(names)}. If one of them is it,",
        ask={"columns": dict.fromkeys(absent, "its name there")},
    )


def _twice(role: str, names: list[str], positions: list[int], line: int | None) -> FileRefused:
    named = " and ".join(
        f"{position + 1} ({name!r})" for position, name in zip(positions, names, strict=True)
    )
    why = f"columns {named} are both {role}"
    distinct = {name.strip() for name in names}
    if len(distinct) < len(names):
        return FileRefused(why, line=line, remedy="Remove or rename all but one of them.")
    ask = {"columns": {role: names[0].strip()}}
    return FileRefused(why, line=line, remedy="If the first of them is it,", ask=ask)


def list_names(names: Sequence[str]) -> str:
    """Return `names` as a message lists them."""
    return ", ".join(name.strip() or "(no name)" for name in names[:20])


def _stated_unit(
    names: Sequence[str], position: int | None, units: Mapping[str, float]
) -> float | None:
    if position is None:
        return None
    base, unit = normalise_name(names[position])
    return units.get(unit or NAMED_UNITS.get(base, ""))
