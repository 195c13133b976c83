"""The embedded services behind the command line: the warehouse's server, and Airflow."""

from __future__ import annotations

import os

from factorprism.core.config import Config, load_config
from factorprism.services import EmbeddedPostgres


def with_embedded_urls(config: Config) -> Config:
    """Return `config` with the embedded server's URLs where none is configured.

    The server is started if it does not run.
    """
    if config.warehouse_url and config.tracking_url:
        return config
    server = EmbeddedPostgres(config.home)
    server.start()
    return config.with_changes(
        warehouse_url=config.warehouse_url or server.url("prism"),
        tracking_url=config.tracking_url or server.url("mlflow"),
    )


def warehouse_url() -> str:
    """Return the warehouse's URL, starting the embedded server if it is the warehouse."""
    return with_embedded_urls(load_config(os.environ)).warehouse_url
