"""Which pages there are: their addresses, their names, and where the Airflow UI shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PREFIX = "/prism"
# What a page hands on to the others through their links.
SELECTION = ("session", "signal")


@dataclass(frozen=True)
class PageEntry:
    """One page: `slug` is its address below `PREFIX` and the module in ``routes``."""

    slug: str
    title: str  # a message of the catalogue


PAGES = (
    PageEntry("today", "Today"),
    PageEntry("image", "Image"),
    PageEntry("record", "Track record"),
    PageEntry("data", "Data"),
    PageEntry("models", "Models"),
    PageEntry("lineage", "Lineage"),
)


def list_external_views() -> list[dict[str, Any]]:
    """Return the entries of the UI's navigation, and the tabs on a DAG and on a DAG run."""
    folder = PREFIX.removeprefix("/")
    views: list[dict[str, Any]] = [
        # On the bar itself, since it is what is opened each evening; the others are under Plugins.
        {
            "name": "Prism",
            "href": f"{folder}/{PAGES[0].slug}",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "prism",
            "icon": f"{folder}/static/icon.svg",
            "icon_dark_mode": f"{folder}/static/icon-dark.svg",
        }
    ]
    views += [
        {
            "name": page.title,
            "href": f"{folder}/{page.slug}",
            "destination": "nav",
            "category": "Prism",
            "url_route": f"prism-{page.slug}",
        }
        for page in PAGES
    ]
    tabs = {
        "dag": f"{folder}/dags/{{DAG_ID}}",
        "dag_run": f"{folder}/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
    }
    for destination, href in tabs.items():
        views.append(
            {
                "name": "Prism",
                "href": href,
                "destination": destination,
                "url_route": f"prism-{destination.replace('_', '-')}",
            }
        )
    return views
