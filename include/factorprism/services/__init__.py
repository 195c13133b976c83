"""The embedded services as processes: start, stop and status; used by the command line alone."""

from __future__ import annotations

from factorprism.services.postgres import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
