"""Where trained models are kept and found again by id or alias: MLflow behind one port."""

from factorprism.registry._bundles import (
    StoredFile,
    list_stored_files,
    open_store,
    store_access,
)
from factorprism.registry._registry import MlflowRegistry

__all__ = ["MlflowRegistry", "StoredFile", "list_stored_files", "open_store", "store_access"]
