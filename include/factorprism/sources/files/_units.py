"""Units of volume and amount, proved by the file's own numbers wherever they can prove them.

The average price of a share or fund, amount over volume, is a price of its day. That of an index
is the average price of its constituents' shares and tells lots from shares, 100-fold apart. The
turnover of a market whose size is known tells a volume in lots without an amount beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray
from factorprism.core.average_price import AVERAGE_PRICE_RANGE, AVERAGE_PRICE_TOLERANCE
from factorprism.core.symbols import is_index, is_mainland
from factorprism.sources.files._numbers import Numbers

LOT = 100.0
THOUSAND = 1e3
TEN_THOUSAND = 1e4
Pair = tuple[float, float]
# (volume, amount). Thousands of CNY are the vendor tushare's, ten thousands that of terminals.
USUAL: tuple[Pair, ...] = ((1.0, 1.0), (LOT, 1.0))
RARE: tuple[Pair, ...] = (
    (LOT, THOUSAND),
    (1.0, THOUSAND),
    (LOT, TEN_THOUSAND),
    (1.0, TEN_THOUSAND),
)
TUSHARE: Pair = (LOT, THOUSAND)
# CNY a share. Of the four indices below, days of 2000 to 2023 lie within 3.8 and 48.5.
INDEX_PRICES = (3.0, 60.0)
# Counted in whole shares; a volume with fractions is in a greater unit than tried.
WHOLE_SHARE = 0.9
# An index's constituents trade more than this a day, and did since long before 2005.
LEAST_INDEX_SHARES = 1e7
# Of the rows of a share or fund, so many must agree on a unit.
AGREEING_SHARE = 0.6
# Since 2013 the median volume of each lies above this many shares (1.3e9 to 4e10), and below it
# where it is counted in lots (4e8 at most); likewise the median amount in CNY and in thousands.
KNOWN_MARKETS = frozenset({"000001.SH", "000300.SH", "000905.SH", "399006.SZ"})
KNOWN_SINCE = np.datetime64("2013-01-01", "D")
LEAST_SHARES, MOST_SHARES = 6e8, 1e12
TYPICAL_SHARES = 1e10
LEAST_CNY, MOST_CNY = 2.5e9, 1e14
LEAST_ROWS_KNOWN = 20
SHARE_NAMES = {1.0: "shares", LOT: "lots"}
CNY_NAMES = {1.0: "CNY", THOUSAND: "thousand CNY"}


@dataclass(frozen=True)
class Evidence:
    """What the units are proved from: the columns as they stand in the file (not yet scaled).

    `stated` are the units that a header or the owner says, `documented` those of a vendor whose
    columns these are; None is nothing said.
    """

    symbol: str
    days: DayArray
    low: Numbers
    high: Numbers
    volume: Numbers
    amount: Numbers | None
    stated: tuple[float | None, float | None] = (None, None)
    documented: Pair | None = None


@dataclass(frozen=True)
class Units:
    """What one unit of volume (shares) and amount (CNY) is worth, and the proof in words.

    Beyond the mainland (`is_local`) the amount is in the exchange's own currency.
    """

    shares: float
    cny: float
    proof: str
    is_local: bool = False

    def __str__(self) -> str:
        amount = name_cny(self.cny)
        currency = amount.replace("CNY", "local currency") if self.is_local else amount
        return f"{name_shares(self.shares)}, {currency}"


@dataclass(frozen=True)
class Unproved:
    """Units that cannot be proved: why, and what the owner is asked to say of which column."""

    why: str
    ask: Mapping[str, str | float]


def name_shares(size: float) -> str:
    """Return the name of a volume's unit of `size` shares."""
    return SHARE_NAMES.get(size, f"{size:,.0f} shares")


def name_cny(size: float) -> str:
    """Return the name of an amount's unit of `size` CNY."""
    return CNY_NAMES.get(size, f"{size:,.0f} CNY")


def prove_units(evidence: Evidence) -> Units | Unproved:
    """Return the units that the file's numbers prove, or what must be asked for.

    Volume beyond the mainland is taken at face value, in shares, where no amount tells more:
    nobody publishes it otherwise. There `cny` is what one unit is worth in the exchange's currency.
    """
    units = _prove(evidence, abroad := not is_mainland(evidence.symbol))
    return replace(units, is_local=abroad) if isinstance(units, Units) else units


def _prove(evidence: Evidence, abroad: bool) -> Units | Unproved:
    if abroad and (is_index(evidence.symbol) or evidence.amount is None):
        shares, cny = (said or 1.0 for said in evidence.stated)
        return Units(shares, cny, "volume abroad is in shares" if shares == 1.0 else "said")
    if evidence.amount is None:
        return _prove_without_amount(evidence)
    ratio = average_prices(evidence.volume, evidence.amount)
    if not np.isfinite(ratio).any():
        return _ask(evidence, "no row has both a volume and an amount")
    return _prove_by_ratio(evidence, ratio)


def average_prices(volume: Numbers, amount: Numbers) -> Numbers:
    """Return amount over volume, NaN where either is missing or not above zero."""
    given = (volume > 0) & (amount > 0)
    return np.divide(amount, np.where(given, volume, np.nan))


def agreeing_rows(
    ratio: Numbers, low: Numbers, high: Numbers, size: float
) -> npt.NDArray[np.bool_]:
    """Return for each row whether `ratio` times `size` lies between `low` and `high`."""
    price = ratio * size
    slack = AVERAGE_PRICE_TOLERANCE
    agreeing: npt.NDArray[np.bool_] = (price >= low * (1 - slack)) & (price <= high * (1 + slack))
    return agreeing


def _prove_by_ratio(evidence: Evidence, ratio: Numbers) -> Units | Unproved:
    for pairs in _tiers(evidence):
        fitting = [pair for pair in pairs if _fits(evidence, ratio, pair)]
        if len(fitting) == 1:
            return Units(*fitting[0], _proof(evidence, ratio, fitting[0]))
        if fitting:
            names = " or ".join(f"{name_shares(a)} and {name_cny(b)}" for a, b in fitting)
            return _ask(evidence, f"amount over volume fits {names}", fitting[0])
    typical = float(np.nanmedian(ratio))
    said = [_name(size, index) for index, size in enumerate(evidence.stated) if size is not None]
    of = f" with {' and '.join(said)} as said" if said else ""
    if is_index(evidence.symbol):
        what = "CNY a share, which is no average price of shares in any usual unit"
        return _ask(evidence, f"amount over volume is {typical:.4g}{of}: {what}")
    price = float(np.nanmedian((evidence.low + evidence.high) / 2))
    return _ask(
        evidence,
        f"amount over volume is {typical:.4g}{of}, {typical / price:.4g} times the price, which "
        "no usual unit explains",
    )


def _tiers(evidence: Evidence) -> list[Sequence[Pair]]:
    """Return the pairs to try, the likelier ones first; what is stated is not departed from."""
    shares, cny = evidence.stated
    if shares is not None or cny is not None:
        stated = {
            (shares if shares is not None else pair[0], cny if cny is not None else pair[1])
            for pair in (*USUAL, *RARE)
        }
        return [sorted(stated & set(USUAL)), sorted(stated)]
    documented = [evidence.documented] if evidence.documented else []
    return [documented, USUAL, RARE]


def _fits(evidence: Evidence, ratio: Numbers, pair: Pair) -> bool:
    size = pair[1] / pair[0]
    if evidence.stated[0] is None and not _is_whole(evidence.volume * pair[0]):
        return False
    if not is_index(evidence.symbol):
        counted = np.isfinite(ratio)
        agreeing = agreeing_rows(
            ratio[counted], evidence.low[counted], evidence.high[counted], size
        )
        return float(agreeing.mean()) >= AGREEING_SHARE
    said = evidence.stated
    # What an owner says is held against the quality gate's own range alone.
    low, high = AVERAGE_PRICE_RANGE if None not in said else INDEX_PRICES
    if not low <= float(np.nanmedian(ratio)) * size <= high:
        return False
    return (None not in said and pair == said) or _fits_market(evidence, pair)


def _is_whole(shares: Numbers) -> bool:
    given = shares[np.isfinite(shares)]
    parted = np.abs(given - np.round(given)) > 0.01 + 1e-9 * np.abs(given)
    return float(parted.mean()) <= 1.0 - WHOLE_SHARE


def _fits_market(evidence: Evidence, pair: Pair) -> bool:
    known = _known_rows(evidence)
    if not known.any():
        traded = evidence.volume[evidence.volume > 0] * pair[0]
        return len(traded) < LEAST_ROWS_KNOWN or float(np.median(traded)) >= LEAST_INDEX_SHARES
    shares = float(np.nanmedian(evidence.volume[known])) * pair[0]
    assert evidence.amount is not None
    cny = float(np.nanmedian(evidence.amount[known])) * pair[1]
    return LEAST_SHARES <= shares <= MOST_SHARES and LEAST_CNY <= cny <= MOST_CNY


def _known_rows(evidence: Evidence) -> npt.NDArray[np.bool_]:
    """Return the rows whose market's size is known; none where they are too few to tell."""
    known: npt.NDArray[np.bool_] = (evidence.days >= KNOWN_SINCE) & (evidence.volume > 0)
    if evidence.amount is not None:
        known &= evidence.amount > 0
    enough = evidence.symbol in KNOWN_MARKETS and int(known.sum()) >= LEAST_ROWS_KNOWN
    return known if enough else np.zeros(len(known), dtype=np.bool_)


def _prove_without_amount(evidence: Evidence) -> Units | Unproved:
    stated = evidence.stated[0]
    if stated is not None:
        return Units(stated, 1.0, "said; there is no amount to hold it against")
    known = _known_rows(evidence)
    if known.any():
        typical = float(np.nanmedian(evidence.volume[known]))
        for size in (1.0, LOT):
            # In lots, numbers lie a hundred times lower; the two ranges do not meet.
            if (
                LEAST_SHARES
                <= typical * size
                <= (MOST_SHARES if size == 1.0 else LEAST_SHARES * LOT)
            ):
                return Units(
                    size,
                    1.0,
                    f"{typical * size:.2g} shares a day since {KNOWN_SINCE} is the size of this "
                    "market",
                )
        # The likeliest size that makes of it a market of some ten thousand million shares.
        likely = 10.0 ** round(np.log10(TYPICAL_SHARES / typical))
        return _ask(
            evidence,
            f"{typical:.3g} a day is no volume of this market in shares or lots",
            (likely, 1.0),
        )
    return _ask(evidence, "there is no amount, so that the unit of volume cannot be proved")


def _proof(evidence: Evidence, ratio: Numbers, pair: Pair) -> str:
    size = pair[1] / pair[0]
    if is_index(evidence.symbol):
        return f"amount over volume is {float(np.nanmedian(ratio)) * size:.3g} CNY a share"
    counted = np.isfinite(ratio)
    agreeing = agreeing_rows(ratio, evidence.low, evidence.high, size)
    return (
        f"amount over volume lies between low and high on {int(agreeing.sum())} of "
        f"{int(counted.sum())} rows"
    )


def _name(size: float, index: int) -> str:
    return (name_shares, name_cny)[index](size)


def _ask(evidence: Evidence, why: str, likely: Pair = (1.0, 1.0)) -> Unproved:
    ask: dict[str, str | float] = {"volume": SHARE_NAMES.get(likely[0], likely[0])}
    if evidence.amount is not None:
        ask["amount"] = CNY_NAMES.get(likely[1], likely[1])
    return Unproved(why, ask)
