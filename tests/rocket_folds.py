"""Out-of-sample folds that no test waits for."""

from __future__ import annotations

from sql import execute

ROCKET = """
INSERT INTO prism.fold_forecasts (fold_key, signal, entrant, placebo, settings, sessions,
    column_names, column_values, begun_at, evaluated_at, device)
SELECT repeat('a', 64), signal, 'rocket', placebo, settings, sessions,
    column_names, column_values, now() - interval '70 s', now(), device
FROM prism.fold_forecasts WHERE entrant = 'logistic' LIMIT 1
"""


def hold_rocket_evaluated(owner_url: str) -> None:
    """Write that ROCKET was evaluated of late, 70 s a fold; it is compiled where it is tried."""
    execute(owner_url, ROCKET)
