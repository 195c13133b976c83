"""Shows every expectation as the table of ``docs/quality.md``: ``python -m`` this module."""

from __future__ import annotations

from collections.abc import Sequence

from factorprism.quality._rules import Rule
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.bars import BARS_SUITE, CALENDAR_SUITE, SCHEMA_SUITE
from factorprism.quality.factor_rules import cell_rules, column_rules, panel_rules
from factorprism.quality.factors import FACTORS_SUITE, PANEL_SUITE
from factorprism.quality.schema_rules import calendar_rules, schema_rules

INDEX, FUND = "000300.SH", "510300.SH"
HEAD = "| expectation | columns | severity | applies to | holds when | why |\n" + "|---" * 6 + "|"


def render_rules_table() -> str:
    """Return one Markdown table for each suite, in the order in which they are checked."""
    n_rows = 1000
    factor = column_rules("each factor", (0.0, 100.0), 0.05, may_be_constant=False)
    factors = [*panel_rules(), *factor]
    cells = cell_rules(0.05)
    suites: list[tuple[str, list[Rule], list[Rule]]] = [
        (SCHEMA_SUITE, schema_rules(), schema_rules()),
        (CALENDAR_SUITE, calendar_rules(), calendar_rules()),
        (BARS_SUITE, bar_rules(INDEX, n_rows), bar_rules(FUND, n_rows)),
        (FACTORS_SUITE, factors, factors),
        (PANEL_SUITE, cells, cells),
    ]
    return "\n\n".join(
        "\n".join([f"### `{name}`", "", HEAD, *_lines(index, fund)]) for name, index, fund in suites
    )


def _lines(index: Sequence[Rule], fund: Sequence[Rule]) -> list[str]:
    names = list(dict.fromkeys(rule.name for rule in (*index, *fund)))
    return [
        _line([rule for rule in index if rule.name == name], [r for r in fund if r.name == name])
        for name in names
    ]


def _line(index: Sequence[Rule], fund: Sequence[Rule]) -> str:
    rules = index or fund
    rule = rules[0]
    columns = list(dict.fromkeys(item.column for item in rules if item.column))
    severity, applies_to = rule.severity, "all"
    if not fund:
        applies_to = "indices"
    elif not index:
        applies_to = "shares, funds"
    elif fund[0].severity != rule.severity:
        severity = f"{rule.severity}; {fund[0].severity} for shares, funds"
    holds = rule.holds if len(columns) < 2 else rule.holds.replace(rule.column, "each", 1)
    named = ", ".join(f"`{column}`" for column in columns)
    return f"| `{rule.name}` | {named} | {severity} | {applies_to} | {holds} | {rule.reason} |"


if __name__ == "__main__":
    print(render_rules_table())
