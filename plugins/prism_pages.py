"""Where Airflow finds the pages: the package beside this file is no plugin file by itself."""

from __future__ import annotations

from prism_ui import PrismPages

__all__ = ["PrismPages"]
