"""The suites that a pull must pass before it is measured: its form, and its days."""

from __future__ import annotations

from factorprism.core.severity import CRITICAL
from factorprism.market.bars import BAR_VALUES
from factorprism.market.findings import NO_BAR, NO_SESSION
from factorprism.quality._rules import BETWEEN, IN_SET, FindingScope, Rule


def schema_rules() -> list[Rule]:
    """Return the suite that the raw frame must pass before anything can be measured on it."""
    return [
        Rule(
            "columns_present",
            BETWEEN,
            CRITICAL,
            "all columns of a bar frame are there",
            "columns of a bar frame are missing",
            "Without them nothing below can be checked.",
            options={"column": "absent_columns", "max_value": 0},
            scope=FindingScope.FORM,
            reported="columns",
        ),
        Rule(
            "rows_present",
            BETWEEN,
            CRITICAL,
            "the pull has rows",
            "the pull has no rows",
            "An empty answer where sessions exist is a fault of the source.",
            options={"column": "row_count", "min_value": 1},
            scope=FindingScope.FORM,
        ),
        Rule(
            "one_symbol",
            IN_SET,
            CRITICAL,
            "every row belongs to the symbol that was asked for",
            "rows belong to another symbol",
            "A pull holds one symbol; another one's rows would be filed under its name.",
            column="symbol",
            options={"column": "is_own_symbol", "value_set": [True]},
            scope=FindingScope.FORM,
            reported="symbol",
        ),
        *(
            Rule(
                name,
                IN_SET,
                CRITICAL,
                f"{column} is of type {kind}",
                f"{column} is not of type {kind}",
                "Text or another precision in a column means that the file was misread.",
                column=column,
                options={"column": f"{column}_type", "value_set": [kind.split("[")[0]]},
                scope=FindingScope.FORM,
            )
            for name, column, kind in (
                ("session_type", "session", "datetime64[us]"),
                *(("value_type", column, "float64") for column in BAR_VALUES),
            )
        ),
    ]


def calendar_rules() -> list[Rule]:
    """Return the suite over the days that are expected or held."""
    return [
        Rule(
            NO_BAR,
            BETWEEN,
            CRITICAL,
            "no session is missing",
            "sessions are missing",
            "A hole shifts every look-back window behind it; vendors lose whole months.",
            column="session",
            options={"column": "rows", "min_value": 1},
        ),
        Rule(
            NO_SESSION,
            IN_SET,
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
