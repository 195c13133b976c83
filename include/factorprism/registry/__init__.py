"""Where trained models are kept, found again by their id, and crowned: MLflow behind one port."""

from factorprism.registry._registry import MlflowRegistry
from factorprism.registry._store import reach_store

__all__ = ["MlflowRegistry", "reach_store"]
