"""shap, which takes seconds to import and is asked for when the first explanation is made."""

from __future__ import annotations

from typing import Any

from factorprism.learning.baselines._interpreted import interpreted


def load_shap() -> Any:
    """Return the module `shap`, its loops as plain Python.

    It would compile them anew in each process, 5 s of work for loops over some dozens of numbers.
    """
    with interpreted():
        import shap

    return shap
