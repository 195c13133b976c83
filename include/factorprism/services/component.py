"""One component of Airflow in place of this process: ``python -m ... scheduler``.

A component that forks a process for each task imports first what every step needs: 0.7 s of a core,
which each task would take otherwise. Compose starts its workers so, too.

Airflow takes a component for alive until its last heartbeat is old. An embedded one is the only one
of its home, so that the one before is dead by now: it is written down as such, and what it had
under way is taken up at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing

import psycopg2

from factorprism.services._patience import CONNECT_SECONDS

JOBS = {
    "scheduler": "SchedulerJob",
    "dag-processor": "DagProcessorJob",
    "triggerer": "TriggererJob",
}
FORKING = ("scheduler", "celery")
PRELOADING = "import factorprism.pipelines; from airflow.__main__ import main; main()"


def end_predecessor(url: str, job_type: str) -> None:
    """Write down in the metadata at `url` (a libpq URL) that no job of `job_type` runs."""
    with (
        closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE job SET state = 'failed', end_date = now()"
            " WHERE job_type = %s AND state = 'running'",
            (job_type,),
        )


def main() -> None:
    name = sys.argv[1]
    if name in JOBS:
        url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
        end_predecessor(url, JOBS[name])
    start = ["-c", PRELOADING] if name in FORKING else ["-m", "airflow"]
    os.execv(sys.executable, [sys.executable, *start, *sys.argv[1:]])


if __name__ == "__main__":
    main()
