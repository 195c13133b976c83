#!/opt/factorprism/.venv/bin/python
"""Tell whether the part of Airflow in this container lives: ``alive PART``; 0 yes, 1 no.

Asked several times a minute in every container, so nothing of Airflow is imported: its command line
takes seconds of a processor to say the same. PART is scheduler, dag-processor or triggerer (each
writes a heartbeat into Airflow's own table), api-server (which says of itself what is ill), worker
(which answers Celery's ping), or a port with a path on it, such as 5000/health.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from http.client import HTTPConnection

PATIENCE_SECONDS = 8
# Several missed heartbeats: a part sends one every five seconds.
SILENCE_SECONDS = 30
JOBS = {
    "scheduler": "SchedulerJob",
    "dag-processor": "DagProcessorJob",
    "triggerer": "TriggererJob",
}
BEATS = """
SELECT count(*) FROM job
WHERE job_type = %s AND hostname = ANY(%s) AND state = 'running'
  AND latest_heartbeat > now() - make_interval(secs => %s)
"""


def beats(part: str) -> bool:
    """Tell whether this host's own job of `part` has said within half a minute that it runs."""
    import psycopg2

    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    names = [socket.gethostname(), socket.getfqdn()]
    libpq = "postgresql://" + url.split("://", 1)[1]
    connected = psycopg2.connect(libpq, connect_timeout=PATIENCE_SECONDS)
    with connected as connection, connection.cursor() as cursor:
        cursor.execute(BEATS, (JOBS[part], names, SILENCE_SECONDS))
        (found,) = cursor.fetchone() or (0,)
    return bool(found)


def answers(port: int, path: str) -> bytes:
    """Return what this container's own page says; raises `OSError` when it says nothing good."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise OSError(f"status {response.status}")
    return body


def serves() -> bool:
    """Tell whether the api-server reaches its database: it answers with 200 even where not."""
    port = int(os.environ.get("AIRFLOW__API__PORT", "8080"))
    health = json.loads(answers(port, "/api/v2/monitor/health"))
    return bool(health["metadatabase"]["status"] == "healthy")


def works() -> bool:
    """Tell whether the worker of this host takes messages."""
    from celery import Celery

    me = f"celery@{os.environ.get('HOSTNAME') or socket.gethostname()}"
    app = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    return bool(app.control.ping([me], timeout=PATIENCE_SECONDS, limit=1))


def check_of(part: str) -> Callable[[], bool]:
    if part in JOBS:
        return lambda: beats(part)
    if part == "api-server":
        return serves
    if part == "worker":
        return works
    port, _, path = part.partition("/")
    if not port.isdigit():
        raise SystemExit(f"alive: {part!r} is no part; see the beginning of {__file__}")
    return lambda: answers(int(port), f"/{path}") is not None


def main(part: str) -> int:
    try:
        well = check_of(part)()
    except Exception as error:  # whatever it is, the part cannot be said to live
        print(f"{part}: {type(error).__name__}: {str(error).strip()}")
        return 1
    print(f"{part}: {'lives' if well else 'gives no sign of life'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or ["?"]))
