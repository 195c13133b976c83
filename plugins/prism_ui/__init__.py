"""The pages inside the Airflow UI: nothing is loaded before the api-server asks for the app."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from prism_ui.navigation import PREFIX, list_external_views


class PrismPages(AirflowPlugin):
    """Mounts the pages under ``/prism``, lists them in the UI, and adds tabs to DAGs and runs."""

    name = "prism_pages"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        # The scheduler and the DAG processor load every plugin, but only the api-server looks here.
        from prism_ui.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "prism pages"}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:
        return list_external_views()
