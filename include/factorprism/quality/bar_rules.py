"""The suite of measured bars, put together for an index or for a share or fund."""

from __future__ import annotations

from factorprism.quality import price_rules, unit_rules
from factorprism.quality._rules import CRITICAL, WARNING, Rule


def is_index(symbol: str) -> bool:
    """Tell whether `symbol` names an index by its code, rather than a share or a fund.

    ``^``, 000xxx.SH, 88xxxx.SH, 93xxxx.SH and 399xxx.SZ are indices (the exchanges' code plans).
    """
    if symbol.startswith("^"):
        return True
    code, _, suffix = symbol.partition(".")
    return code.startswith({"SH": ("000", "88", "93"), "SZ": ("399",)}.get(suffix, ()))


def bar_rules(symbol: str, n_rows: int) -> list[Rule]:
    """Return the suite over measured bars (`measure_bars`) of `symbol`, `n_rows` long."""
    index = is_index(symbol)
    return [
        *price_rules.value_rules(n_rows, is_index=index),
        *price_rules.arithmetic_rules(),
        *price_rules.vendor_rules(n_rows),
        *price_rules.move_rules(n_rows),
        *unit_rules.volume_rules(CRITICAL if index else WARNING, n_rows),
        *(unit_rules.index_rules(symbol, n_rows) if index else unit_rules.security_rules(n_rows)),
        *price_rules.staleness_rules(n_rows),
        *price_rules.filled_rules(),
    ]
