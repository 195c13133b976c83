"""The suites of bars: what must hold, how gravely, and why; `docs/quality.md` shows them all."""

from __future__ import annotations

from factorprism.core.calendar import exchange_of
from factorprism.core.schemas import BAR_COLUMNS, BAR_PRICES, BAR_VALUES
from factorprism.quality._measures import CONTRADICTION, OPTIONAL_COLUMNS
from factorprism.quality._rules import CRITICAL, WARNING, Rule

BETWEEN = "ExpectColumnValuesToBeBetween"
ROUNDING = 1e-6  # relative; files are written with six or more digits
PRE_CLOSE_TOLERANCE = 0.006  # prices are published to a cent or finer
PCT_CHG_TOLERANCE = 0.011  # percentage points
FAULTS_TOLERATED = 2  # isolated wrong values of the vendor, or `FAULTS_TOLERATED_RATIO` of rows
FAULTS_TOLERATED_RATIO = 0.02
MOVE_MAX = 0.25  # |log|: ChiNext and STAR stop at 20% (-0.223), US trading halts at -20%
JUMP_WARNING = 8.0  # largest since 2005 among four Chinese and two US indices: 9.9
JUMP_CRITICAL = 20.0
SEAM_WARNING = 5.0  # largest real value: 4.1
SEAM_CRITICAL = 8.0
HELD_SEAM_MAX = 5.0  # largest real value: 3.6
CONTRADICTED_JUMP_MAX = 5.0
VOLUME_SHIFT_MAX = 0.9  # log10, so 8-fold; largest real value: 4.6-fold
VOLUME_JUMP_MAX = 1.5  # log10, so 32-fold; largest real value: 8.4-fold (a shortened US session)
AVERAGE_PRICE_JUMP_MAX = 0.7  # log10, so 5-fold; largest real value: 1.8-fold
AVERAGE_PRICE_RANGE = (1.5, 150.0)  # CNY a share over an index's constituents
AVERAGE_PRICE_TOLERANCE = 0.005
STUCK_WARNING = 2
STUCK_CRITICAL = 9
FILLED_RATIO = 0.95


def is_index(symbol: str) -> bool:
    """Tell whether `symbol` names an index by its code, rather than a share or a fund.

    ``^``, 000xxx.SH, 88xxxx.SH, 93xxxx.SH and 399xxx.SZ are indices (the exchanges' code plans).
    """
    if symbol.startswith("^"):
        return True
    code, _, suffix = symbol.partition(".")
    return code.startswith({"SH": ("000", "88", "93"), "SZ": ("399",)}.get(suffix, ()))


def schema_rules(symbol: str) -> list[Rule]:
    """Return the suite that the raw frame must pass before anything can be measured on it."""
    return [
        Rule(
            "columns_present",
            "ExpectTableColumnsToMatchSet",
            CRITICAL,
            "all columns of a bar frame are there",
            "columns of a bar frame are missing",
            "Without them nothing below can be judged.",
            options={"column_set": list(BAR_COLUMNS), "exact_match": False},
        ),
        Rule(
            "rows_present",
            "ExpectTableRowCountToBeBetween",
            CRITICAL,
            "the pull has rows",
            "the pull has no rows",
            "An empty answer where sessions exist is a fault of the source.",
            options={"min_value": 1},
        ),
        Rule(
            "one_symbol",
            "ExpectColumnValuesToBeInSet",
            CRITICAL,
            "every row belongs to the symbol that was asked for",
            "rows belong to another symbol",
            "A pull holds one symbol; another one's rows would be filed under its name.",
            column="symbol",
            options={"column": "symbol", "value_set": [symbol]},
        ),
        *(
            Rule(
                "column_type",
                "ExpectColumnValuesToBeOfType",
                CRITICAL,
                f"{column} is of type {kind}",
                f"{column} is not of type {kind}",
                "Text or another precision in a column means that the file was misread.",
                column=column,
                options={"column": column, "type_": kind},
            )
            for column, kind in (
                ("session", "datetime64[us]"),
                *((column, "float64") for column in BAR_VALUES),
            )
        ),
    ]


def calendar_rules() -> list[Rule]:
    """Return the suite over the days that are expected or held."""
    return [
        Rule(
            "no_session_missing",
            BETWEEN,
            CRITICAL,
            "no session is missing",
            "sessions are missing",
            "A hole shifts every look-back window behind it; vendors lose whole months.",
            column="session",
            options={"column": "rows", "min_value": 1},
        ),
        Rule(
            "no_session_extra",
            "ExpectColumnValuesToBeInSet",
            CRITICAL,
            "every row is a session of the period asked for",
            "rows lie on days without trading or outside the period",
            "Prices of a closed day are copies or belong to another exchange.",
            column="session",
            options={"column": "is_expected", "value_set": [True]},
        ),
        Rule(
            "session_unique",
            BETWEEN,
            CRITICAL,
            "each session has one row",
            "sessions have more than one row",
            "(symbol, session) is the key of a bar; the vendor is known to send duplicates.",
            column="session",
            options={"column": "rows", "max_value": 1},
        ),
    ]


def bar_rules(symbol: str, n_rows: int) -> list[Rule]:
    """Return the suite over measured bars (`measure_bars`) of `symbol`, `n_rows` long."""
    kind_rules = _index_rules(symbol) if is_index(symbol) else _security_rules(n_rows)
    return [
        *_value_rules(),
        *_arithmetic_rules(),
        *_vendor_rules(n_rows),
        *_move_rules(),
        *_volume_rules(CRITICAL if is_index(symbol) else WARNING),
        *kind_rules,
        *_staleness_rules(),
        *_filled_rules(),
    ]


def _value_rules() -> list[Rule]:
    present = [
        Rule(
            "value_present",
            "ExpectColumnValuesToNotBeNull",
            CRITICAL,
            f"{column} is given for every row",
            f"{column} is missing",
            "Indicators carry one missing value into every later session.",
            column=column,
            options={"column": column},
        )
        for column in (*BAR_PRICES, "volume_shares")
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
        "volume is above zero",
        "volume is zero",
        "An open exchange trades; the US files hold two such rows, so this only warns.",
        column="volume_shares",
        options={"column": "volume_shares", "min_value": 0.0, "strict_min": True},
    )
    return [*present, *positive, *unsigned, traded]


def _arithmetic_rules() -> list[Rule]:
    reason = "The day's extremes include its first and last price."
    return [
        Rule(
            name,
            BETWEEN,
            CRITICAL,
            holds,
            finding,
            reason,
            column=column,
            options={"column": measure, "min_value": -ROUNDING},
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


def _vendor_rules(n_rows: int) -> list[Rule]:
    tolerated = max(FAULTS_TOLERATED / max(n_rows, 1), FAULTS_TOLERATED_RATIO)
    mostly = max(0.0, 1.0 - tolerated - 1e-9)
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
            ),
            Rule(
                f"{column}_mostly_agrees",
                BETWEEN,
                CRITICAL,
                f"{column} disagrees on at most {FAULTS_TOLERATED} rows "
                f"or {FAULTS_TOLERATED_RATIO:.0%} of them",
                f"{column} is widely not {of}",
                "Many wrong values mean other closes, another unit or another instrument.",
                column=column,
                options={**measured, "mostly": mostly},
            ),
        ]
    return rules


def _move_rules() -> list[Rule]:
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
        ),
        Rule(
            "jump_possible",
            BETWEEN,
            CRITICAL,
            f"no move exceeds {JUMP_CRITICAL:g} typical moves of the 250 sessions before it",
            f"the price jumps by more than {JUMP_CRITICAL:g} of its typical moves",
            "Twice what any crash since 2005 reached against the index's own history.",
            column="close",
            options={"column": "jump_score", "max_value": JUMP_CRITICAL},
        ),
        Rule(
            "jump_usual",
            BETWEEN,
            WARNING,
            f"no move exceeds {JUMP_WARNING:g} typical moves of the 250 sessions before it",
            f"the price jumps by more than {JUMP_WARNING:g} of its typical moves",
            "Real crashes go so far, once in some thousand sessions: worth a look.",
            column="close",
            options={"column": "jump_score", "max_value": JUMP_WARNING},
        ),
    ]


def _volume_rules(severity: str) -> list[Rule]:
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


def _index_rules(symbol: str) -> list[Rule]:
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


def _security_rules(n_rows: int) -> list[Rule]:
    tolerated = max(FAULTS_TOLERATED / max(n_rows, 1), FAULTS_TOLERATED_RATIO)
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
            f"amount over volume lies outside low to high on at most {FAULTS_TOLERATED} rows "
            f"or {FAULTS_TOLERATED_RATIO:.0%} of them",
            "amount over volume widely lies outside low to high",
            "Volume or amount is in another unit, or prices are adjusted.",
            column="amount_cny",
            options={**measured, "mostly": max(0.0, 1.0 - tolerated - 1e-9)},
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


def _staleness_rules() -> list[Rule]:
    return [
        Rule(
            name,
            BETWEEN,
            severity,
            f"no open, high, low and close repeat for more than {limit} sessions",
            f"open, high, low and close repeat for more than {limit} sessions",
            reason,
            column="close",
            options={"column": "identical_sessions", "max_value": limit},
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
    ]


def _filled_rules() -> list[Rule]:
    return [
        Rule(
            "mostly_given",
            "ExpectColumnProportionOfNonNullValuesToBeBetween",
            WARNING,
            f"{column}, where the source gives it, is there on {FILLED_RATIO:.0%} of the rows",
            f"{column} is missing on more than {1 - FILLED_RATIO:.0%} of the rows",
            "Optional; but a source that gives it should give it throughout.",
            column=column,
            options={"column": f"{column}_given", "min_value": FILLED_RATIO},
        )
        for column in OPTIONAL_COLUMNS
    ]
