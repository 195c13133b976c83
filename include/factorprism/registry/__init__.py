"""Where trained models are kept, found again by their id, and crowned: MLflow behind one port."""

from factorprism.registry._bundles import store_access
from factorprism.registry._registry import MlflowRegistry

__all__ = ["MlflowRegistry", "store_access"]
