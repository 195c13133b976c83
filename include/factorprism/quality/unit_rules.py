"""The part of the bars' suite that checks volume and amount, and whether they fit the prices."""

from __future__ import annotations

from factorprism.core.average_price import AVERAGE_PRICE_RANGE, AVERAGE_PRICE_TOLERANCE
from factorprism.core.severity import CRITICAL, WARNING
from factorprism.core.symbols import is_mainland
from factorprism.quality._measures import (
    CONTRADICTION,
    LONE_JUMP,
    LONE_PARTING,
    SEAM_JUMP,
    SHIFT_SESSIONS,
)
from factorprism.quality._rules import (
    BETWEEN,
    EXTREMES_TOLERATED,
    FAULTS_TOLERATED,
    TOLERATED_RATIO,
    FindingScope,
    Rule,
    for_many,
    graded,
    mostly_of,
)

VOLUME_SHIFT_MAX = 0.7  # log10, so 5-fold at once and held; largest real value: 3.1-fold
VOLUME_USUAL = 0.9  # log10, so 8-fold
VOLUME_JUMP_MAX = 1.5  # log10, so 32-fold; largest real value: 8.4-fold (a shortened US session)
AVERAGE_PRICE_JUMP_MAX = 0.7  # log10, so 5-fold; largest real value: 1.8-fold
SEAM_WARNING = 5.0  # largest real value: 4.1
HELD_SEAM_MAX = 6.0  # largest real value, of sessions with a jump: 1.9
CONTRADICTED_JUMP_MAX = 5.0
WILD_SHARE_RATIO = 0.1


def volume_rules(severity: str, n_rows: int) -> list[Rule]:
    scale, unit, usual = (
        Rule(
            name,
            BETWEEN,
            graded_as,
            f"volume {holds}",
            f"volume {finding}",
            reason,
            column="volume_shares",
            options={"column": measure, "min_value": -limit, "max_value": limit},
            scope=scope,
            before=before,
        )
        for name, graded_as, measure, limit, holds, finding, reason, scope, before in (
            (
                "volume_scale_holds",
                severity,
                "volume_shift_log10",
                VOLUME_SHIFT_MAX,
                "never changes its scale 5-fold from one day to the next for three sessions",
                "changes its scale 5-fold at once (log10 shown) and stays there for three sessions",
                "Lots for shares, or another instrument at the same price level.",
                FindingScope.LASTING,
                SHIFT_SESSIONS - 1,
            ),
            (
                "volume_unit_holds",
                severity,
                "volume_jump_log10",
                VOLUME_JUMP_MAX,
                "never leaves its 20 sessions' median 32-fold",
                "leaves its 20 sessions' median 32-fold (log10 shown)",
                "A switch from shares to lots is 100-fold, and shows on its first evening.",
                FindingScope.UNIT,
                0,
            ),
            (
                "volume_usual",
                WARNING,
                "volume_jump_log10",
                VOLUME_USUAL,
                "never leaves its 20 sessions' median 8-fold",
                "leaves its 20 sessions' median 8-fold (log10 shown)",
                "Shortened US sessions come near it; a single day may be real.",
                FindingScope.ROW,
                0,
            ),
        )
    )
    rules = []
    for rule, name in (
        (scale, "volume_scale_mostly_holds"),
        (unit, "volume_unit_mostly_holds"),
        (usual, "volume_mostly_usual"),
    ):
        if rule.severity == CRITICAL:
            rules.append(rule)
        else:
            rules += graded(rule, _wild(rule, name, n_rows, is_index=severity == CRITICAL))
    return rules


def _wild(rule: Rule, name: str, n_rows: int, *, is_index: bool) -> Rule:
    """Return the counterpart of a warning on volume: a share may trade wildly, an index may not."""
    ratio = TOLERATED_RATIO if is_index else WILD_SHARE_RATIO
    reason = "Volume that leaves its past so often is in mixed units, or of several instruments."
    return for_many(rule, name, n_rows, rows=EXTREMES_TOLERATED, ratio=ratio, reason=reason)


def index_rules(symbol: str, n_rows: int) -> list[Rule]:
    rules = [
        Rule(
            "own_prices",
            BETWEEN,
            CRITICAL,
            "no open, high, low and close are those of another index of the universe",
            "open, high, low and close are those of another index of the universe",
            "A file that goes on with another index's rows shows it on the first of them.",
            column="close",
            options={"column": "is_copy", "max_value": 0.0},
            scope=FindingScope.LASTING,
        ),
        *_seam_rules(n_rows),
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
            scope=FindingScope.UNIT,
        ),
    ]
    if is_mainland(symbol):
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


def _seam_rules(n_rows: int) -> list[Rule]:
    lone, suspected, held, contradicted = (
        Rule(
            name,
            BETWEEN,
            severity,
            f"no jump beyond {jump:g} typical moves also {evidence}",
            f"the price jumps by more than {jump:g} of its typical moves and {evidence}",
            reason,
            column="close",
            options={"column": measure, "max_value": limit},
            scope=scope,
            before=before,
        )
        for name, severity, measure, jump, limit, evidence, reason, scope, before in (
            (
                "no_seam",
                CRITICAL,
                "lone_seam",
                *(LONE_JUMP, 1.0),
                f"parts from amount over volume {LONE_PARTING:g} times as far as usual",
                "A file that turns into another index; no market has done half of it in one day.",
                *(FindingScope.SPIKE, 0),
            ),
            (
                "no_seam_suspected",
                WARNING,
                "seam_score",
                *(SEAM_WARNING, SEAM_WARNING),
                "parts from amount over volume by as much",
                "Above every real session since 2005; the next two sessions decide.",
                *(FindingScope.ROW, 0),
            ),
            (
                "no_held_seam",
                CRITICAL,
                "held_seam_score",
                *(SEAM_JUMP, HELD_SEAM_MAX),
                f"parts from amount over volume at once, {HELD_SEAM_MAX:g} times as far as usual, "
                "for three sessions",
                "After a panic the two come together again; of two instruments they do not.",
                *(FindingScope.LASTING, SHIFT_SESSIONS - 1),
            ),
            (
                "no_contradicted_jump",
                CRITICAL,
                "contradicted_jump_score",
                *(CONTRADICTED_JUMP_MAX, CONTRADICTED_JUMP_MAX),
                f"meets a pre_close {CONTRADICTION:.0%} off the close held",
                "The vendor itself says that the two rows are not of one series.",
                *(FindingScope.SPIKE, 0),
            ),
        )
    )
    many = "One seam is a suspicion, many are a file of several instruments."
    mostly = for_many(suspected, "few_seams", n_rows, rows=EXTREMES_TOLERATED, reason=many)
    return [lone, *graded(suspected, mostly), held, contradicted]


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
            counterpart="average_price_mostly_in_range",
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
            scope=FindingScope.PULL,
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
