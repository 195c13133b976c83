"""What explanations are made by is not compiled anew in each process."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own, where nobody has imported it before.
LOAD = """
import numpy as np
from numba import config, njit
from factorprism.learning.baselines.shap_loader import load_shap
shap = load_shap()
explainer = shap.PermutationExplainer(lambda rows: rows.sum(axis=1), np.zeros((1, 2)))
print(explainer(np.array([[1.0, 2.0]]), max_evals=5, silent=True).values.tolist())
from shap.maskers import _tabular
from shap.utils import _masked_model
parts = [value for module in (_tabular, _masked_model) for value in vars(module).values()]
print([part for part in parts if hasattr(part, "signatures")])
print(bool(config.DISABLE_JIT), hasattr(njit(lambda x: x), "signatures"))
"""


def test_shap_is_loaded_without_its_compiler_and_numba_left_as_it_was() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[[1.0, 2.0]]", "[]", "False True"]
