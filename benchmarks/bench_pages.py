"""How fast the pages answer: fifty readers at once, ten years of forecasts, Airflow's own server.

The server is started as the embedded Airflow starts it: one uvicorn process. The readers ask
again as soon as they are answered, over connections kept open, as one login each through the
UI's cookie. Floors in the same run: Airflow's version (no login), its health, and the smallest
answer of its UI that asks for a login.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
from _history import simulate_line, write_alert, write_line
from _table import Row, print_table

from factorprism.services import EmbeddedAirflow, EmbeddedPostgres
from factorprism.warehouse import PostgresWarehouse

READERS, TURNS, ROUNDS = 50, 6, 5
LIMIT_MS = 300.0
SESSIONS = 2500
LAST = date(2025, 12, 29)
PAGES = ("today", "image", "record", "data", "models", "lineage")
VERSION, HEALTH, LOGIN = "/api/v2/version", "/api/v2/monitor/health", "/ui/auth/me"


@contextmanager
def run_server() -> Iterator[tuple[str, str]]:
    """Start PostgreSQL, ten years of history and an api-server; give its address and a token."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-bench-"))
    home.chmod(0o711)
    postgres = EmbeddedPostgres(home)
    server = None
    try:
        postgres.start()
        warehouse = PostgresWarehouse(postgres.url())
        warehouse.migrate()
        for number, (name, target) in enumerate((("hs300", "000300.SH"), ("us", "^GSPC"))):
            line = simulate_line(name, target, LAST, SESSIONS, seed=14 + number)
            write_line(warehouse, line)
        write_alert(warehouse, line)
        warehouse.close()
        environ = os.environ | {"FACTORPRISM_WAREHOUSE_URL": postgres.url()}
        airflow = EmbeddedAirflow(home, postgres.url("airflow"), environ)
        airflow._choose_ports()
        airflow._migrate()
        with (home / "api.log").open("w") as log:
            command = [sys.executable, "-m", "airflow", "api-server"]
            environment = airflow.environment()
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        yield airflow.address, await_token(airflow)
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
        postgres.stop()
        shutil.rmtree(postgres.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def await_token(airflow: EmbeddedAirflow) -> str:
    """Return a token of the user viewer, once the server answers."""
    body = {"username": "viewer", "password": airflow.passwords()["viewer"]}
    request = urllib.request.Request(
        f"{airflow.address}/auth/token",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    # Loopback, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(1200):
        try:
            with opener.open(request, timeout=30) as answer:
                return str(json.load(answer)["access_token"])
        except OSError:
            time.sleep(0.25)
    raise RuntimeError("the api-server did not come up")


async def read(host: str, port: int, paths: Sequence[str], token: str) -> list[tuple[str, float]]:
    """Ask for `paths` one after another on one connection; return path and milliseconds."""
    reader, writer = await asyncio.open_connection(host, port)
    times = []
    for path in paths:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: _token={token}\r\n"
            "Accept: text/html\r\nAccept-Encoding: gzip\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode())
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await reader.readexactly(int(raw.split("content-length:")[1].split("\r\n")[0]))
        times.append((path, (time.perf_counter() - started) * 1e3))
        if " 200 " not in raw.split("\r\n", 1)[0]:
            raise RuntimeError(f"{path}: {raw.splitlines()[0]}")
    writer.close()
    return times


async def read_at_once(address: str, token: str, plans: Sequence[Sequence[str]]) -> Mapping:
    """Let one reader follow each plan, all at once; return all times by path."""
    host, port = address.removeprefix("http://").split(":")
    answers = await asyncio.gather(*(read(host, int(port), plan, token) for plan in plans))
    held: dict[str, list[float]] = {}
    for path, milliseconds in (item for answer in answers for item in answer):
        held.setdefault(path, []).append(milliseconds)
    return held


def measure(address: str, token: str) -> dict[str, np.ndarray]:
    """Return the times of each path, and of readers who leaf through all pages."""
    pages = [f"/prism/{page}" for page in PAGES]
    alone = [VERSION, HEALTH, LOGIN, *pages]
    times: dict[str, list[float]] = {}
    for path in alone:  # the first answer draws the page
        first = asyncio.run(read_at_once(address, token, [[path]]))[path]
        times[f"first {path}"] = first
    for _ in range(ROUNDS):
        for path in alone:
            plans = [[path] * TURNS] * READERS
            times.setdefault(path, []).extend(
                asyncio.run(read_at_once(address, token, plans))[path]
            )
        leafing = [
            [pages[(n + turn) % len(pages)] for turn in range(TURNS)] for n in range(READERS)
        ]
        for answers in asyncio.run(read_at_once(address, token, leafing)).values():
            times.setdefault("all pages, leafed through", []).extend(answers)
    return {name: np.array(held) for name, held in times.items()}


def run() -> list[Row]:
    """Measure, and return the 95th percentiles beside Airflow's own."""
    with run_server() as (address, token):
        times = measure(address, token)
    peer = float(np.percentile(times[LOGIN], 95))
    rows = []
    for name, held in times.items():
        if name.startswith("first "):
            continue
        p50, p95, p99 = np.percentile(held, [50, 95, 99])
        first = times.get(f"first {name}", np.array([np.nan]))[0]
        ours = name not in (VERSION, HEALTH, LOGIN)
        rows.append(
            Row(
                f"{name}: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms; first {first:.0f}",
                float(p95),
                "ms",
                f"{LOGIN}, p95 {peer:.0f} ms",
                float(p95) / peer,
                f"p95 <= {LIMIT_MS:.0f} ms" if ours else "none",
                bool(p95 <= LIMIT_MS) if ours else True,
            )
        )
    return rows


def main() -> None:
    """Print the table."""
    print(f"{READERS} readers at once, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print_table(run())


if __name__ == "__main__":
    main()
