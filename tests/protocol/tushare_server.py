"""A small server on loopback that speaks the vendor's protocol, faults included.

By hand::

    python tests/protocol/tushare_server.py --files DIR --faults ok,throttled,http:502,html

prints its URL (set it as FACTORPRISM_TUSHARE_URL) and serves until it is interrupted. `--faults`
are the fates of the first requests, in order; after them every request is answered well:

    ok                  a good answer
    throttled           code 40203, too many calls in this minute (throttled:天 for the day)
    no-permission       code 40203, the account may not use the endpoint
    wrong-token         code 40101
    refused             another code than 0
    http:502            that HTTP status with an HTML body (http:429:7 adds Retry-After: 7,
                        http:307 a Location that answers well)
    html                status 200 with an HTML body
    null                data is null
    no-columns          data without the columns that were asked for
    garbage             a price that is no number
    other-symbol        rows of another symbol
    empty               no rows
    truncated:100       the newest 100 rows and has_more
    silent:100          the newest 100 rows, has_more false
    duplicate           the newest row twice
    revised:close=9.9   the newest row with another value
    unfinished:20200102 one more row, of that day
    slow:2              the good answer after so many seconds
    cut                 the connection is cut in the middle of the body

`--published` is the vendor's clock: when the newest day of a symbol, or of an endpoint, is given,
in seconds from the start. What is not named is there from the beginning::

    --published 000905.SH=+90s,399006.SZ=never,000300.SH=half+30s+90s,trade_cal=+10s

    +90s                not before 90 seconds have passed
    never               not at all
    half+30s+90s        in two halves: prices alone after 30 seconds, the rest after 90
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "5f0c9e1d7b3a4826e8d1c05a9b7f3e64d2c18a90"
ROW_CAPS = {"index_daily": 8000, "daily": 6000, "fund_daily": 2000, "trade_cal": 2000}
PER_WINDOW = "抱歉，您每{}最多访问该接口200次，权限的具体详情访问：https://tushare.pro/document/1"
NO_PERMISSION = "抱歉，您没有访问该接口的权限，权限的具体详情访问：https://tushare.pro/document/1"
HTML = b"<html><body><h1>Bad gateway</h1></body></html>"
Row = dict[str, Any]
# The first half of a bar, as the vendor gives it: no volume, no amount, nothing derived.
SECOND_HALF = ("vol", "amount", "pre_close", "pct_chg")
_HOURS = re.compile(r"(?P<half>half\+(?P<first>\d+(\.\d+)?)s)?\+(?P<whole>\d+(\.\d+)?)s")


@dataclass(frozen=True)
class Hours:
    """When the newest day is given: `half` of it, and the `whole`, by a monotonic clock."""

    half: float
    whole: float

    @classmethod
    def read(cls, text: str, now: float) -> Hours:
        """Read ``+90s``, ``never`` or ``half+30s+90s``, counted from `now`."""
        if text == "never":
            return cls(math.inf, math.inf)
        found = _HOURS.fullmatch(text)
        if found is None:
            raise ValueError(f"published: {text!r}, allowed are +90s, never and half+30s+90s")
        whole = now + float(found["whole"])
        return cls(now + float(found["first"]) if found["half"] else whole, whole)

    def give(self, row: Row, now: float) -> Row | None:
        """Return what is given of `row` at `now`, None for nothing."""
        if now >= self.whole:
            return row
        return row | dict.fromkeys(SECOND_HALF) if now >= self.half else None


@dataclass(frozen=True)
class Request:
    """One call as it came in."""

    api_name: str
    params: dict[str, str]
    fields: tuple[str, ...]
    token: str
    path: str
    at: float  # seconds of a monotonic clock


@dataclass
class Answer:
    """What goes back: `data` in the vendor's envelope, or `body` as it is."""

    rows: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    has_more: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    code: int = 0
    message: str = ""
    null: bool = False
    body: bytes | None = None
    cut: bool = False

    def encode(self) -> bytes:
        if self.body is not None:
            return self.body
        items = [[row.get(name) for name in self.columns] for row in self.rows]
        data = {"fields": list(self.columns), "items": items, "has_more": self.has_more}
        good = self.code == 0 and not self.null
        envelope = {"request_id": "local", "code": self.code, "msg": self.message}
        return json.dumps(envelope | {"data": data if good else None}).encode()


class TushareServer:
    """Serves the CODE.csv files of `folder`; a context manager that listens while it is open.

    `script` sets the fates of the coming requests, `revise` changes a value for good,
    `publish` says when the newest day comes, `publish_days` adds days to the calendar, `requests`
    holds what was asked.
    """

    def __init__(self, folder: Path, *, token: str = TOKEN, port: int = 0) -> None:
        self.token = token
        self.requests: list[Request] = []
        self.row_caps = dict(ROW_CAPS)
        self._published: dict[str, int] = {}
        self._hours: dict[str, Hours] = {}
        self._faults: deque[str] = deque()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._bars = {path.stem: _read_rows(path) for path in sorted(folder.glob("*.csv"))}
        self._httpd = _Httpd(("127.0.0.1", port), _Handler)
        self._httpd.owner = self
        self.url = f"http://127.0.0.1:{self._httpd.server_port}/dataapi"
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> TushareServer:
        self._thread.start()
        return self

    @property
    def settings(self) -> dict[str, str]:
        """The settings by which a `Config` asks this server."""
        return {"source": "tushare", "tushare_token": self.token, "tushare_url": self.url}

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def script(self, *faults: str) -> None:
        """Let the coming requests meet `faults`, one each, after those already set."""
        with self._lock:
            self._faults.extend(faults)

    def pending(self) -> list[str]:
        """Return the faults that no request has met yet."""
        return list(self._faults)

    def revise(self, symbol: str, day: str, **values: float) -> None:
        """Change the bar of `symbol` on `day` (20200131) from now on."""
        row = next(row for row in self._bars[symbol] if row["trade_date"] == day)
        row.update(values)

    def drop(self, symbol: str, first: str, last: str) -> None:
        """Forget the bars of `symbol` in [`first`, `last`], as the vendor's known holes."""
        rows = self._bars[symbol]
        self._bars[symbol] = [row for row in rows if not first <= row["trade_date"] <= last]

    def publish(self, what: str, when: str) -> None:
        """Give the newest day of a symbol or an endpoint from `when` on, counted from now."""
        self._hours[what] = Hours.read(when, time.monotonic())

    def publish_days(self, first: date, last: date, closed: Iterable[date] = ()) -> None:
        """Let `trade_cal` know the days [`first`, `last`]: weekdays but `closed` are open."""
        shut = set(closed)
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            is_open = day.weekday() < 5 and day not in shut
            self._published[f"{day:%Y%m%d}"] = int(is_open)

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            fault = self._faults.popleft() if self._faults else "ok"
        if request.token != self.token:
            fault = "wrong-token"
        name, _, argument = fault.partition(":")
        if name == "slow":
            self._closed.wait(float(argument))
        return _spoil(self._answer_well(request), name, argument)

    def _answer_well(self, request: Request) -> Answer:
        if request.api_name not in ROW_CAPS:
            return Answer(code=40101, message="请指定正确的接口名")
        if request.api_name == "trade_cal":
            rows: Sequence[Row] = _calendar_rows(
                self._bars.values(), self._published, request.params
            )
        else:
            rows = self._bars.get(request.params.get("ts_code", ""), [])
        rows = self._published_rows(request, rows)
        first = request.params.get("start_date", "")
        last = request.params.get("end_date", "") or "99999999"
        day = "cal_date" if request.api_name == "trade_cal" else "trade_date"
        inside = [dict(row) for row in rows if first <= row[day] <= last]
        inside.sort(key=lambda row: row[day], reverse=True)
        cap = self.row_caps[request.api_name]
        columns = request.fields or tuple(inside[0] if inside else ())
        return Answer(inside[:cap], columns, has_more=len(inside) > cap)

    def _published_rows(self, request: Request, rows: Sequence[Row]) -> list[Row]:
        """Return `rows`, oldest first, as far as they are published; a symbol's hours first."""
        named = request.params.get("ts_code", "")
        hours = self._hours.get(named) or self._hours.get(request.api_name)
        if hours is None or not rows:
            return list(rows)
        newest = hours.give(rows[-1], time.monotonic())
        return [*rows[:-1], *([newest] if newest else [])]


def _spoil(answer: Answer, fault: str, argument: str) -> Answer:
    rows = answer.rows
    if fault in REPLACEMENTS:
        return REPLACEMENTS[fault](argument)
    if fault in ("truncated", "silent"):
        answer.has_more = fault == "truncated"
        answer.rows = rows[: int(argument)]
    elif fault == "empty":
        answer.rows = []
    elif fault == "no-columns":
        answer.columns = answer.columns[:2]
    elif fault == "cut":
        answer.cut = True
    elif fault == "duplicate":
        answer.rows = rows[:1] + rows
    elif fault in ("garbage", "other-symbol", "revised"):
        changes = {"garbage": "close=n/a", "other-symbol": "ts_code=000016.SH"}
        name, _, value = changes.get(fault, argument).partition("=")
        rows[0][name] = float(value) if fault == "revised" else value
    elif fault == "unfinished":
        answer.rows = [rows[0] | {"trade_date": argument}, *rows]
    elif fault not in ("ok", "slow"):
        raise ValueError(f"fault: {fault!r} is not known")
    return answer


def _http(argument: str) -> Answer:
    status, _, wait = argument.partition(":")
    headers = {"Content-Type": "text/html"} | ({"Retry-After": wait} if wait else {})
    if status.startswith("3"):
        headers["Location"] = "/dataapi/index_daily"
    return Answer(status=int(status), headers=headers, body=HTML)


REPLACEMENTS = {
    "throttled": lambda window: Answer(code=40203, message=PER_WINDOW.format(window or "分钟")),
    "no-permission": lambda _: Answer(code=40203, message=NO_PERMISSION),
    "wrong-token": lambda _: Answer(code=40101, message="您的token不对，请确认。"),
    "refused": lambda message: Answer(code=50101, message=message or "系统内部错误"),
    "null": lambda _: Answer(null=True),
    "html": lambda _: Answer(body=HTML, headers={"Content-Type": "text/html"}),
    "http": _http,
}


def _read_rows(path: Path) -> list[Row]:
    """Return the bars of `path` in the vendor's names and units, oldest first."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        lines = sorted(csv.DictReader(stream), key=lambda line: line["trade_date"])
    rows: list[Row] = []
    previous: float | None = None
    for line in lines:
        close = float(line["close"])
        rows.append(
            {
                "ts_code": path.stem,
                "trade_date": line["trade_date"].replace("-", ""),
                **{name: _number(float(line[name])) for name in ("open", "high", "low", "close")},
                "pre_close": previous,
                "pct_chg": round((close / previous - 1) * 100, 4) if previous else None,
                "vol": _number(float(line["volume"]) / 100),
                "amount": _number(float(line["amount"]) / 1000) if line.get("amount") else None,
            }
        )
        previous = close
    return rows


def _number(value: float) -> float | int:
    # The vendor writes whole numbers without a point, so that a frame's column may be integer.
    return int(value) if value.is_integer() else value


def _calendar_rows(
    bars: Iterable[Sequence[Row]], published: dict[str, int], params: dict[str, str]
) -> list[Row]:
    """Return all days from the first bar to the last, and those published beside them."""
    traded = {row["trade_date"] for rows in bars for row in rows}
    days = dict.fromkeys(_days_between(min(traded), max(traded)), 0) if traded else {}
    days |= dict.fromkeys(traded, 1) | published
    exchange = params.get("exchange") or "SSE"
    wanted = params.get("is_open", "")
    return [
        {"exchange": exchange, "cal_date": day, "is_open": is_open}
        for day, is_open in sorted(days.items())
        if wanted in ("", str(is_open))
    ]


def _days_between(first: str, last: str) -> Iterable[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield f"{day:%Y%m%d}"
        day += timedelta(days=1)


class _Httpd(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: TushareServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Httpd

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        params = {name: str(value) for name, value in asked["params"].items()}
        fields = tuple(filter(None, asked["fields"].split(",")))
        request = Request(
            asked["api_name"], params, fields, asked["token"], self.path, time.monotonic()
        )
        answer = self.server.owner.answer(request)
        body = answer.encode()
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.cut else body)
        self.close_connection = self.close_connection or answer.cut

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=Path, required=True, help="folder of CODE.csv")
    parser.add_argument("--faults", default="", help="fates of the first requests, by comma")
    parser.add_argument("--published", default="", help="when the newest day comes, by comma")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with TushareServer(options.files, token=options.token, port=options.port) as server:
        server.script(*filter(None, options.faults.split(",")))
        for rule in filter(None, options.published.split(",")):
            what, _, when = rule.partition("=")
            server.publish(what, when)
        print(server.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
