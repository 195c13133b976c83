"""The bodies of ``factorprism signals``: what is issued, a new signal, and one that ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from typing import Any

from factorprism.cli.tables import write_json, write_rows
from factorprism.core.config import load_config
from factorprism.core.signals import (
    Signal,
    add_signal,
    list_issued_signals,
    load_signals,
    retire_signal,
)


def print_signals(*, as_json: bool) -> None:
    """Print all signals that are defined, those that are issued first; reads no warehouse."""
    config = load_config(os.environ)
    issued = [signal.name for signal in list_issued_signals(config)]
    signals = load_signals(config)
    names = dict.fromkeys([*issued, *signals])
    rows = [_values(signals[name], is_issued=name in issued) for name in names]
    if as_json:
        write_json(rows)
    else:
        write_rows(rows)


def add_own(name: str, options: Mapping[str, object]) -> None:
    """Write a signal into the home's file, and say what becomes of it."""
    signal = add_signal(load_config(os.environ), name, **options)
    print(f"{signal.name}: {signal.target} of {signal.symbol}, {signal.horizon} sessions ahead")
    print(f"Its DAGs are {signal.daily_dag} and {signal.weekly_dag}, once Airflow has read them.")
    print(f"Its first champion: factorprism train --signal {signal.name}")


def retire(name: str) -> None:
    """Write that a signal is forecast no more; its rows stay in the ledger."""
    signal = retire_signal(load_config(os.environ), name, date.today())
    print(f"{signal.name} is retired since {signal.retired}: it has no DAG and no page any more.")
    print(f"Its rows stay: factorprism forecasts --signal {signal.name}")


def _values(signal: Signal, *, is_issued: bool) -> dict[str, Any]:
    state = "issued" if is_issued else "retired" if signal.retired else "defined"
    return {
        "signal": signal.name,
        "state": state,
        "universe": signal.universe.name,
        "symbol": signal.symbol,
        "target": signal.target,
        "horizon": signal.horizon,
        "lookback": signal.lookback,
        "model": signal.model,
        "exchange": signal.exchange,
    }
