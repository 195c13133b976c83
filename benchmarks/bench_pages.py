"""How fast the pages answer: fifty readers at once, ten years of forecasts, Airflow's own server.

The server is started as the embedded Airflow starts it: one uvicorn process. The readers ask
again as soon as they are answered, over connections kept open, as one login each through the
UI's cookie: the same evening, whose pages are drawn once. And then, as people do who read what
they open, pages of past sessions that nobody has asked for before. Floors in the same run:
Airflow's version (no login), its health, and the smallest answer of its UI that asks for a login.

About once in a thousand answers Python looks for garbage in Airflow's process and stops all
readers for half a second: which paths it meets is chance. So the bound is 300 ms or, where that is
more, one and a half times the slower of Airflow's two smallest answers, which meet the same stops
in the same run.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import psutil
from _history import simulate_line, write_alert, write_bars, write_line
from _table import Row, print_table

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.roles import OWNER, READER
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres

READERS, TURNS, ROUNDS = 50, 6, 5
PAUSE_SECONDS = 5.0
LIMIT_MS, PEER_LIMIT = 300.0, 1.5
SESSIONS = 2500
LAST = date(2025, 12, 29)
PAGES = ("today", "image", "record", "data", "models", "lineage")
VERSION, HEALTH, LOGIN = "/api/v2/version", "/api/v2/monitor/health", "/ui/auth/me"
LEAFING = "all pages, leafed through"
BROWSING = f"all pages, each of another past session, read for {PAUSE_SECONDS:.0f} s"


@dataclass(frozen=True)
class Served:
    """A server that answers at `address`, and what a reader's `token` is."""

    address: str
    token: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used so far."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in processes)


@contextmanager
def run_server() -> Iterator[Served]:
    """Start PostgreSQL, ten years of history and an api-server."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-bench-"))
    home.chmod(0o711)
    postgres = EmbeddedPostgres(home)
    server = None
    try:
        postgres.start()
        fill_warehouse(Config(home=home, warehouse_url=postgres.url("prism", OWNER)))
        environ = os.environ | {"FACTORPRISM_WAREHOUSE_URL": postgres.url("prism", READER)}
        airflow = EmbeddedAirflow(home, postgres.url("airflow"), environ)
        airflow._choose_ports(print)
        airflow._migrate()
        with (home / "api.log").open("w") as log:
            command = [sys.executable, "-m", "airflow", "api-server"]
            environment = airflow.environment()
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        token = await_token(airflow)
        yield Served(airflow.address, token, psutil.Process(server.pid))
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
        postgres.stop()
        shutil.rmtree(postgres.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def fill_warehouse(config: Config) -> None:
    """Write two lines of ten years, the bars and factors of the first, and an alert."""
    with open_ports(config) as ports:
        ports.warehouse.migrate()
        lines = [
            simulate_line(name, target, LAST, SESSIONS, seed=14 + number)
            for number, (name, target) in enumerate((("hs300", "000300.SH"), ("us", "^GSPC")))
        ]
        for line in lines:
            write_line(ports.warehouse, line)
        write_bars(Run(LAST, find_signal(config), config, ports), lines[0])
        write_alert(ports.warehouse, lines[0])


def await_token(airflow: EmbeddedAirflow) -> str:
    """Return a token of the user viewer, once the server answers."""
    body = {"username": "viewer", "password": airflow.passwords()["viewer"]}
    # Loopback, whatever proxy the environment names.
    with httpx.Client(base_url=airflow.address, timeout=30, trust_env=False) as client:
        for _ in range(1200):
            try:
                answer = client.post("/auth/token", json=body).raise_for_status()
                return str(answer.json()["access_token"])
            except httpx.HTTPError:
                time.sleep(0.25)
    raise RuntimeError("the api-server did not come up")


async def read(
    host: str, port: int, paths: Sequence[str], token: str, pause: float
) -> list[tuple[str, float]]:
    """Ask for `paths` one after another on one connection; return path and milliseconds.

    After each answer, and at random before the first, the reader reads for `pause` seconds.
    """
    reader, writer = await asyncio.open_connection(host, port)
    times = []
    await asyncio.sleep(pause * random.random())
    for path in paths:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: _token={token}\r\n"
            "Accept: text/html\r\nAccept-Encoding: gzip\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode())
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await read_body(reader, raw)
        times.append((path, (time.perf_counter() - started) * 1e3))
        if " 200 " not in raw.split("\r\n", 1)[0]:
            raise RuntimeError(f"{path}: {raw.splitlines()[0]}")
        await asyncio.sleep(pause)
    writer.close()
    return times


async def read_body(reader: asyncio.StreamReader, head: str) -> None:
    """Read what follows `head`, of a known length or in chunks."""
    if "content-length:" in head:
        await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


async def read_at_once(
    address: str, token: str, plans: Sequence[Sequence[str]], pause: float
) -> Mapping:
    """Let one reader follow each plan, all at once; return all times by path."""
    host, port = address.removeprefix("http://").split(":")
    answers = await asyncio.gather(*(read(host, int(port), plan, token, pause) for plan in plans))
    held: dict[str, list[float]] = {}
    for path, milliseconds in (item for answer in answers for item in answer):
        held.setdefault(path, []).append(milliseconds)
    return held


@dataclass
class Measured:
    """What one path took: milliseconds of all answers, of the first, and of the processor."""

    answers: list[float]
    first: float = float("nan")
    cpu: float = float("nan")


def measure(served: Served) -> dict[str, Measured]:
    """Return the times of each path, and of readers who leaf through all pages."""
    pages = [f"/prism/{page}" for page in PAGES]
    alone = [VERSION, HEALTH, LOGIN, *pages]

    def ask(plans: Sequence[Sequence[str]], pause: float = 0.0) -> list[float]:
        answers = asyncio.run(read_at_once(served.address, served.token, plans, pause))
        return [one for held in answers.values() for one in held]

    # The first answer draws the page.
    found = {path: Measured([], first=ask([[path]])[0]) for path in alone}
    used = dict.fromkeys(alone, 0.0)
    leafing = [[pages[(n + turn) % len(pages)] for turn in range(TURNS)] for n in range(READERS)]
    found[LEAFING] = Measured([])
    for _ in range(ROUNDS):
        for path in alone:
            before = served.cpu_seconds()
            found[path].answers += ask([[path] * TURNS] * READERS)
            used[path] += served.cpu_seconds() - before
        found[LEAFING].answers += ask(leafing)
    found[BROWSING] = Measured(ask(plan_browsing(), PAUSE_SECONDS))
    for path in alone:
        found[path].cpu = used[path] / len(found[path].answers) * 1e3
    return found


def plan_browsing() -> list[list[str]]:
    """Return for each reader pages of all kinds, no two of the same session."""
    days = calendar_of("000300.SH").sessions(date(2017, 1, 3), LAST)
    chosen = iter(np.random.default_rng(14).choice(days, READERS * TURNS, replace=False))
    return [
        [f"/prism/{PAGES[(n + turn) % len(PAGES)]}?session={next(chosen)}" for turn in range(TURNS)]
        for n in range(READERS)
    ]


def run() -> list[Row]:
    """Measure, and return the 95th percentiles beside Airflow's own."""
    with run_server() as served:
        found = measure(served)
    return list(make_rows(found))


def make_rows(found: Mapping[str, Measured]) -> Iterator[Row]:
    """Yield a row for each path; only ours are bounded."""
    p95 = {name: float(np.percentile(one.answers, 95)) for name, one in found.items()}
    peer = max((VERSION, LOGIN), key=p95.__getitem__)
    limit = max(LIMIT_MS, PEER_LIMIT * p95[peer])
    for name, one in found.items():
        p50, p99 = np.percentile(one.answers, [50, 99])
        ours = name not in (VERSION, HEALTH, LOGIN)
        extra = (
            "" if np.isnan(one.first) else f"; first {one.first:.0f} ms; {one.cpu:.1f} ms of CPU"
        )
        yield Row(
            f"{name}: p50 {p50:.0f}, p99 {p99:.0f} ms{extra}",
            p95[name],
            "ms p95",
            f"{peer}, p95 {p95[peer]:.0f} ms",
            p95[name] / p95[peer],
            f"<= {limit:.0f} ms" if ours else "none",
            p95[name] <= limit if ours else True,
        )


def main() -> None:
    """Print the table."""
    print(f"{READERS} readers at once, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print_table(run())


if __name__ == "__main__":
    main()
