"""Which signals are forecast: asked each time that a DAG file is parsed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factorprism.core.signals import Signal


def list_signals() -> list[Signal]:
    """Return the signals that have DAGs, the default one first.

    Raises `ConfigurationError` for settings or a file of signals that cannot be used: Airflow shows
    it as the DAG file's import error.
    """
    # Imported when a file is parsed; these modules of the package are light.
    from factorprism.core.config import load_config
    from factorprism.core.signals import list_issued_signals

    return list_issued_signals(load_config(os.environ))


def find_default_signal() -> Signal:
    """Return the signal on whose exchange housekeeping keeps its week; raises as `list_signals`."""
    from factorprism.core.config import load_config
    from factorprism.core.signals import find_signal

    return find_signal(load_config(os.environ))
