"""One component of the embedded Airflow in place of this process.

Airflow takes a component for alive until its last heartbeat is old. A home has one of each, so that
the one before is dead by now: it is written down as such, and what it had under way is taken up
at once.
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
# The scheduler's executor forks a process for each task: it finds there what every step imports,
# which costs 0.7 s of a core.
FORKING = "scheduler"
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
    start = ["-c", PRELOADING] if name == FORKING else ["-m", "airflow"]
    os.execv(sys.executable, [sys.executable, *start, *sys.argv[1:]])


if __name__ == "__main__":
    main()
