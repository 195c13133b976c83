"""The part of the bars' suite that judges volume and amount, and whether they fit the prices."""

from __future__ import annotations

from factorprism.core.calendar import exchange_of
from factorprism.quality._measures import CONTRADICTION
from factorprism.quality._rules import BETWEEN, CRITICAL, FAULTS_TOLERATED, WARNING, Rule, mostly_of

VOLUME_SHIFT_MAX = 0.9  # log10, so 8-fold; largest real value: 4.6-fold
VOLUME_JUMP_MAX = 1.5  # log10, so 32-fold; largest real value: 8.4-fold (a shortened US session)
AVERAGE_PRICE_JUMP_MAX = 0.7  # log10, so 5-fold; largest real value: 1.8-fold
AVERAGE_PRICE_RANGE = (1.5, 150.0)  # CNY a share over an index's constituents
AVERAGE_PRICE_TOLERANCE = 0.005
SEAM_WARNING = 5.0  # largest real value: 4.1
SEAM_CRITICAL = 8.0
HELD_SEAM_MAX = 5.0  # largest real value: 3.6
CONTRADICTED_JUMP_MAX = 5.0


def volume_rules(severity: str) -> list[Rule]:
    return [
        Rule(
            name,
            BETWEEN,
            graded,
            f"volume {holds}",
            f"volume {finding}",
            reason,
            column="volume_shares",
            options={"column": measure, "min_value": -limit, "max_value": limit},
        )
        for name, graded, measure, limit, holds, finding, reason in (
            (
                "volume_scale_holds",
                severity,
                "volume_shift_log10",
                VOLUME_SHIFT_MAX,
                "stays within 8-fold of its 20 sessions' median",
                "leaves its scale 8-fold (log10 shown) for three sessions running",
                "Lots for shares, or another instrument at the same price level.",
            ),
            (
                "volume_unit_holds",
                severity,
                "volume_jump_log10",
                VOLUME_JUMP_MAX,
                "never leaves its 20 sessions' median 32-fold",
                "leaves its 20 sessions' median 32-fold (log10 shown)",
                "A switch from shares to lots is 100-fold, and shows on its first evening.",
            ),
            (
                "volume_usual",
                WARNING,
                "volume_jump_log10",
                VOLUME_SHIFT_MAX,
                "never leaves its 20 sessions' median 8-fold",
                "leaves its 20 sessions' median 8-fold (log10 shown)",
                "Shortened US sessions come near it; a single day may be real.",
            ),
        )
    ]


def index_rules(symbol: str) -> list[Rule]:
    rules = [
        *_seam_rules(),
        Rule(
            "average_price_continuous",
            BETWEEN,
            CRITICAL,
            "amount over volume stays within 5-fold of its 20 sessions' median",
            "amount over volume leaves its 20 sessions' median 5-fold (log10 shown)",
            "A unit switch of one of the two; an index's average price is not its level.",
            column="amount_cny",
            options={
                "column": "average_price_jump_log10",
                "min_value": -AVERAGE_PRICE_JUMP_MAX,
                "max_value": AVERAGE_PRICE_JUMP_MAX,
            },
        ),
    ]
    if exchange_of(symbol) == "XSHG":
        low, high = AVERAGE_PRICE_RANGE
        rules.append(
            Rule(
                "average_price_plausible",
                BETWEEN,
                CRITICAL,
                f"amount over volume lies within {low:g} to {high:g} CNY a share",
                f"amount over volume lies outside {low:g} to {high:g} CNY a share",
                "A whole file in lots or thousands has no seam; its average price tells.",
                column="amount_cny",
                options={"column": "average_price_cny", "min_value": low, "max_value": high},
            )
        )
    return rules


def _seam_rules() -> list[Rule]:
    return [
        Rule(
            name,
            BETWEEN,
            severity,
            f"no jump beyond {limit:g} typical moves also {witness}",
            f"the price jumps by more than {limit:g} of its typical moves and {witness}",
            reason,
            column="close",
            options={"column": measure, "max_value": limit},
        )
        for name, severity, measure, limit, witness, reason in (
            (
                "no_seam",
                CRITICAL,
                "seam_score",
                SEAM_CRITICAL,
                "parts from amount over volume by as much",
                "A file that turns into another index of a similar level.",
            ),
            (
                "no_seam_suspected",
                WARNING,
                "seam_score",
                SEAM_WARNING,
                "parts from amount over volume by as much",
                "Above every real session since 2005; the next two sessions decide.",
            ),
            (
                "no_held_seam",
                CRITICAL,
                "held_seam_score",
                HELD_SEAM_MAX,
                "parts from amount over volume by as much for three sessions",
                "After a panic the two come together again; of two instruments they do not.",
            ),
            (
                "no_contradicted_jump",
                CRITICAL,
                "contradicted_jump_score",
                CONTRADICTED_JUMP_MAX,
                f"meets a pre_close {CONTRADICTION:.0%} off the close held",
                "The vendor itself says that the two rows are not of one series.",
            ),
        )
    ]


def security_rules(n_rows: int) -> list[Rule]:
    measured = {"column": "average_price_error", "max_value": AVERAGE_PRICE_TOLERANCE}
    return [
        Rule(
            "average_price_in_range",
            BETWEEN,
            WARNING,
            "amount over volume lies between low and high",
            "amount over volume lies outside low to high",
            "A share's average price of the day is a price of that day.",
            column="amount_cny",
            options=measured,
        ),
        Rule(
            "average_price_mostly_in_range",
            BETWEEN,
            CRITICAL,
            f"amount over volume lies outside low to high on at most {FAULTS_TOLERATED}",
            "amount over volume widely lies outside low to high",
            "Volume or amount is in another unit, or prices are adjusted.",
            column="amount_cny",
            options={**measured, "mostly": mostly_of(n_rows)},
        ),
        Rule(
            "average_price_unit",
            BETWEEN,
            CRITICAL,
            "amount over volume is within 5-fold of the day's prices",
            "amount over volume is 5-fold off the day's prices",
            "One row in another unit is enough to know.",
            column="volume_shares",
            options={"column": "average_price_error", "max_value": 0.8},
        ),
    ]
