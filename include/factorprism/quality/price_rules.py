"""The part of the bars' suite that checks prices: values, arithmetic, moves and staleness."""

from __future__ import annotations

from factorprism.core.severity import CRITICAL, WARNING
from factorprism.market.bars import BAR_PRICES
from factorprism.quality._measures import OPTIONAL_COLUMNS
from factorprism.quality._rules import (
    BETWEEN,
    EXTREMES_TOLERATED,
    FAULTS_TOLERATED,
    NOT_NULL,
    TOLERATED_RATIO,
    FindingScope,
    Rule,
    for_many,
    graded,
    mostly_of,
)

PRE_CLOSE_TOLERANCE = 0.006  # prices are published to a cent or finer
PCT_CHG_TOLERANCE = 0.011  # percentage points
MOVE_MAX = 0.25  # |log|: ChiNext and STAR stop at 20% (-0.223), US trading halts at -20%
JUMP_WARNING = 8.0  # real ones pass it some ten times in twenty years; largest real value: 11.7
# Beyond every daily limit: 12.5% in the quietest year that is allowed for, 20% in a usual one.
JUMP_CRITICAL = 25.0
STUCK_WARNING = 2
STUCK_CRITICAL = 9
FILLED_RATIO = 0.95
# A share is suspended for months; half of all sessions without a trade is no share to learn from.
SUSPENDED_RATIO = 0.5


def value_rules(n_rows: int, *, is_index: bool) -> list[Rule]:
    present = [
        Rule(
            "value_present",
            NOT_NULL,
            CRITICAL,
            f"{column} is given for every row",
            f"{column} is missing",
            "Indicators carry one missing value into every later session.",
            column=column,
            options={"column": column},
        )
        for column in BAR_PRICES
    ]
    positive = [
        Rule(
            "price_positive",
            BETWEEN,
            CRITICAL,
            f"{column} is positive",
            f"{column} is not positive",
            "A price of zero or below is a filler, not a trade.",
            column=column,
            options={"column": column, "min_value": 0.0, "strict_min": True},
        )
        for column in BAR_PRICES
    ]
    unsigned = [
        Rule(
            "not_negative",
            BETWEEN,
            CRITICAL,
            f"{column} is not negative",
            f"{column} is negative",
            "A count or a sum of trades cannot be below zero.",
            column=column,
            options={"column": column, "min_value": 0.0},
        )
        for column in ("volume_shares", "amount_cny")
    ]
    traded = Rule(
        "volume_traded",
        BETWEEN,
        WARNING,
        "volume is there and above zero",
        "volume is zero or missing",
        "An open exchange trades: the value is missing, and so are the session's factors.",
        column="volume_shares",
        options={"column": "volume_given", "min_value": 0.0, "strict_min": True},
    )
    mostly_traded = for_many(
        traded,
        "volume_mostly_traded",
        n_rows,
        ratio=TOLERATED_RATIO if is_index else SUSPENDED_RATIO,
        reason="Factors full of holes are none.",
    )
    return [*present, *positive, *unsigned, *graded(traded, mostly_traded)]


def arithmetic_rules() -> list[Rule]:
    reason = "The day's extremes include its first and last price, to the last digit quoted."
    return [
        Rule(
            name,
            BETWEEN,
            CRITICAL,
            holds,
            finding,
            reason,
            column=column,
            options={"column": measure, "min_value": 0.0},
        )
        for name, column, measure, holds, finding in (
            (
                "high_covers_body",
                "high",
                "high_margin",
                "high is at least open and close",
                "high lies below open or close",
            ),
            (
                "low_covers_body",
                "low",
                "low_margin",
                "low is at most open and close",
                "low lies above open or close",
            ),
            (
                "high_above_low",
                "high",
                "range_margin",
                "high is at least low",
                "high lies below low",
            ),
        )
    ]


def vendor_rules(n_rows: int) -> list[Rule]:
    mostly = mostly_of(n_rows)
    rules = []
    for column, tolerance, of in (
        ("pre_close", PRE_CLOSE_TOLERANCE, "the previous session's close"),
        ("pct_chg", PCT_CHG_TOLERANCE, "close over pre_close less one"),
    ):
        measured = {"column": f"{column}_error", "max_value": tolerance}
        rules += [
            Rule(
                f"{column}_agrees",
                BETWEEN,
                WARNING,
                f"{column}, where given, is {of}",
                f"{column} is not {of}",
                "The vendor is known to send single wrong values, which no factor reads.",
                column=column,
                options=measured,
                counterpart=f"{column}_mostly_agrees",
            ),
            Rule(
                f"{column}_mostly_agrees",
                BETWEEN,
                CRITICAL,
                f"{column} disagrees on at most {FAULTS_TOLERATED}",
                f"{column} is widely not {of}",
                "Many wrong values mean other closes, another unit or another instrument.",
                column=column,
                options={**measured, "mostly": mostly},
                scope=FindingScope.PULL,
            ),
        ]
    return rules


def move_rules(n_rows: int) -> list[Rule]:
    usual = Rule(
        "jump_usual",
        BETWEEN,
        WARNING,
        f"no move exceeds {JUMP_WARNING:g} typical moves of the 250 sessions before it",
        f"the price jumps by more than {JUMP_WARNING:g} of its typical moves",
        "Real crashes go so far, once in some thousand sessions: worth a check.",
        column="close",
        options={"column": "jump_score", "max_value": JUMP_WARNING},
    )
    many = "Prices that jump so often are not those of one instrument."
    mostly_usual = for_many(
        usual, "jump_mostly_usual", n_rows, rows=EXTREMES_TOLERATED, reason=many
    )
    return [
        Rule(
            "move_possible",
            BETWEEN,
            CRITICAL,
            f"no move exceeds {MOVE_MAX} in logarithms",
            f"the price moves by more than {MOVE_MAX} in logarithms",
            "No daily limit or trading halt lets an index move so far: "
            "the file turned into another instrument.",
            column="close",
            options={"column": "log_return", "min_value": -MOVE_MAX, "max_value": MOVE_MAX},
            scope=FindingScope.SPIKE,
        ),
        Rule(
            "jump_possible",
            BETWEEN,
            CRITICAL,
            f"no move exceeds {JUMP_CRITICAL:g} typical moves of the 250 sessions before it",
            f"the price jumps by more than {JUMP_CRITICAL:g} of its typical moves",
            "Twice what any crash since 2005 reached against the index's own history, "
            "and beyond the daily limits.",
            column="close",
            options={"column": "jump_score", "max_value": JUMP_CRITICAL},
            scope=FindingScope.SPIKE,
        ),
        *graded(usual, mostly_usual),
    ]


def staleness_rules(n_rows: int) -> list[Rule]:
    moving, alive = (
        Rule(
            name,
            BETWEEN,
            severity,
            f"no open, high, low and close repeat for more than {limit} sessions",
            f"open, high, low and close repeat for more than {limit} sessions",
            reason,
            column="close",
            options={"column": "identical_sessions", "max_value": limit},
            scope=FindingScope.RUN,
            # The first of them is a price, the others are copies.
            before=limit - 1,
        )
        for name, severity, limit, reason in (
            (
                "prices_move",
                WARNING,
                STUCK_WARNING,
                "All four prices twice the same is a copied row more often than a quiet day.",
            ),
            (
                "prices_alive",
                CRITICAL,
                STUCK_CRITICAL,
                "Two weeks of the same row: the feed has stopped and repeats itself.",
            ),
        )
    )
    many = "A feed that repeats itself now and then all along is no feed."
    mostly = for_many(moving, "prices_mostly_move", n_rows, rows=EXTREMES_TOLERATED, reason=many)
    return [*graded(moving, mostly), alive]


def filled_rules() -> list[Rule]:
    return [
        Rule(
            "mostly_given",
            BETWEEN,
            WARNING,
            f"{column}, where the source gives it, is there on {FILLED_RATIO:.0%} of the rows",
            f"{column} is missing on more than {1 - FILLED_RATIO:.0%} of the rows",
            "Optional; but a source that gives it should give it throughout.",
            column=column,
            options={"column": f"{column}_given_ratio", "min_value": FILLED_RATIO},
            scope=FindingScope.PULL,
        )
        for column in OPTIONAL_COLUMNS
    ]
