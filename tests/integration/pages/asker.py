"""Airflow's own app with our plugins, in a process of its own: answers requests line by line.

Reads one JSON list a line, writes one JSON answer a line. Imported by nothing; started by the
fixture `pages`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

DECISION_DAG = "model_decision"
OUT = sys.stdout
sys.stdout = sys.stderr  # what Airflow prints must not stand among the answers


def build_client() -> Any:
    """Create Airflow's tables and its app, with one form more than our pages have."""
    import airflow.settings  # noqa: F401
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    dags = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    sync_bag_to_db(DagBag(dags / f"{DECISION_DAG}.py"), "dags-folder", None)
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    app = create_app()
    pages = find_pages(app)
    from fastapi import Depends

    from prism_ui.security import require_form

    @pages.post("/probe", dependencies=[Depends(require_form)])
    async def probe() -> str:
        return "done"

    return TestClient(app, raise_server_exceptions=False)


def find_pages(app: Any) -> Any:
    """Return our app, found where Airflow has mounted it."""
    return next(route.app for route in app.routes if getattr(route, "path", "") == "/prism")


class Asker:
    """What the tests may ask for."""

    def __init__(self) -> None:
        self.client = build_client()

    def show(self, settings: dict[str, str]) -> None:
        """Have the pages read another warehouse, with these settings and no decision asked for."""
        from factorprism.views import open_house

        if open_house.cache_info().currsize:
            open_house().warehouse.close()
        open_house.cache_clear()
        for name in [name for name in os.environ if name.startswith("FACTORPRISM_")]:
            del os.environ[name]
        os.environ.update(settings)
        self._forget_end()
        self._forget_decisions()

    def request(self, method: str, path: str, who: str, options: dict[str, Any]) -> dict[str, Any]:
        """Send a request as `who`: a login and its role as ``olaf:op``, or a role's own login.

        Empty is nobody.
        """
        headers = dict(options.pop("headers", {}))
        if who:
            headers["Authorization"] = f"Bearer {self._token(who)}"
        self.client.cookies.clear()
        answer = self.client.request(
            method, path, headers=headers, follow_redirects=False, **options
        )
        return {
            "status": answer.status_code,
            "headers": dict(answer.headers),
            "text": answer.text,
        }

    def routes(self) -> list[tuple[str, str]]:
        """Return method and path of every route of our pages."""
        return [
            (method, f"/prism{route.path}")
            for route in find_pages(self.client.app).routes
            for method in sorted(route.methods)
            if method != "HEAD"
        ]

    def modules(self) -> list[str]:
        """Return the top-level modules that this process holds."""
        return sorted({name.partition(".")[0] for name in sys.modules})

    def form_token(self, login: str, seconds_ago: float) -> str:
        """Return a token as a page that was drawn `seconds_ago` carries it."""
        import time

        from prism_ui.security import make_token

        return make_token(login, time.time() - seconds_ago)

    def make_run(self, dag_id: str, run_id: str, session: str, conf: dict[str, str]) -> None:
        """Put a planned run into Airflow's tables."""
        from datetime import UTC, datetime, timedelta

        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunType

        start = datetime.fromisoformat(session).replace(tzinfo=UTC)
        with create_session() as database:
            run = DagRun(
                dag_id=dag_id,
                run_id=run_id,
                logical_date=start,
                data_interval=(start, start + timedelta(hours=10, minutes=30)),
                run_after=start + timedelta(hours=10, minutes=30),
                conf=conf,
                run_type=DagRunType.SCHEDULED,
            )
            database.add(run)

    def decisions(self) -> list[dict[str, Any]]:
        """Return what was asked of workers."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as database:
            return [
                {
                    "run_id": run.run_id,
                    "by": run.triggering_user_name,
                    "state": str(run.state),
                    "conf": run.conf,
                    "run_after": run.run_after.isoformat(),
                }
                for run in database.scalars(select(DagRun).where(DagRun.dag_id == DECISION_DAG))
            ]

    def end_decision(self, run_id: str, state: str, words: dict[str, Any]) -> None:
        """Let a run end in `state` with `words` by their keys, as a worker would have it."""
        from airflow.models.dagrun import DagRun
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as database:
            database.execute(update(DagRun).where(DagRun.run_id == run_id).values(state=state))
            for key, value in words.items():
                XComModel.set(
                    key=key,
                    value=json.dumps(value),
                    dag_id=DECISION_DAG,
                    task_id="decide",
                    run_id=run_id,
                    serialize=False,
                    session=database,
                )

    def pause(self, paused: bool) -> None:
        """Pause the DAG that takes decisions, or let it go on."""
        from airflow.models.dag import DagModel
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as database:
            changed = update(DagModel).where(DagModel.dag_id == DECISION_DAG)
            database.execute(changed.values(is_paused=paused))

    def views(self) -> list[dict[str, str]]:
        """Return what the plugin adds to the UI."""
        from airflow import plugins_manager

        views, _ = plugins_manager._get_ui_plugins()
        return [view for view in views if view["url_route"].startswith("prism")]

    def _forget_end(self) -> None:
        from source_ends import forget_end

        forget_end()

    def _forget_decisions(self) -> None:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import delete

        with create_session() as database:
            database.execute(delete(DagRun).where(DagRun.dag_id == DECISION_DAG))

    def _token(self, who: str) -> str:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        login, _, role = who.partition(":")
        user = SimpleAuthManagerUser(username=login, role=role or login)
        return get_auth_manager().generate_jwt(user)


def main() -> None:
    """Answer until the input ends."""
    asker = Asker()
    print(json.dumps("ready"), file=OUT, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(asker, name)(*arguments)), file=OUT, flush=True)


if __name__ == "__main__":
    main()
