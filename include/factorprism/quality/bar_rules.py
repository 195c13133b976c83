"""The suite of measured bars, put together for an index or for a share or fund."""

from __future__ import annotations

from factorprism.core.severity import CRITICAL, WARNING
from factorprism.core.symbols import is_index
from factorprism.quality import price_rules, unit_rules
from factorprism.quality._rules import Rule


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
