"""What an evening measures, as a real OTLP receiver gets it over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from factorprism.core.calendar import calendar_for
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline, run_step
from factorprism.telemetry import CATALOGUE

SESSION = date(2024, 7, 1)
DELTA = 1  # AGGREGATION_TEMPORALITY_DELTA


@dataclass
class Receiver:
    """The requests that came, decoded."""

    url: str
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)

    def points(self, name: str) -> list[tuple[dict[str, str], Any]]:
        """Return (labels, point) of all measurements called `name`."""
        found = []
        for request in self.requests:
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                if metric.name == name:
                    data = getattr(metric, metric.WhichOneof("data"))
                    found += [
                        ({item.key: item.value.string_value for item in point.attributes}, point)
                        for point in data.data_points
                    ]
        return found

    def value(self, name: str, **labels: str) -> float:
        points = [point for found, point in self.points(name) if found.items() >= labels.items()]
        assert len(points) == 1, (name, labels, self.points(name))
        kind = points[0].WhichOneof("value")
        return float(getattr(points[0], kind))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    requests: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Receiver(f"http://127.0.0.1:{server.server_port}", requests)
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_evening_is_measured(place: Any, receiver: Receiver) -> None:
    config = place.config.with_changes(metrics_url=f"{receiver.url}/v1/metrics")
    with open_ports(config) as ports:
        run_pipeline("daily", Run(SESSION, find_signal(config), config, ports))
        champion = ports.warehouse.models.list_promotions("hs300-direction-14")[-1].champion_id
        through = ports.warehouse.models.load_model(champion).trained_through
        row = ports.warehouse.forecasts.load_forecasts()[-1]

    steps = receiver.points("prism.step.duration")
    assert {labels["step"] for labels, _ in steps} >= {"pull_bars", "forecast", "publish"}
    assert {labels["outcome"] for labels, _ in steps} == {"done"}
    assert all(point.count == 1 and point.sum > 0 for _, point in steps)
    assert receiver.value("prism.bars.pulled", source="sample", symbol="000300.SH") >= 1
    assert receiver.value("prism.bars.revised") == 0
    assert receiver.value("prism.factors.missing", symbol="000300.SH") == 0
    assert receiver.value("prism.forecast.session", state="issued") == 1719832500  # 19:15 Shanghai
    assert receiver.value("prism.forecast.value", quantity="p_up") == row.value("p_up")
    assert receiver.value("prism.forecasts.withheld") == 0
    since = calendar_for("XSHG").sessions(through, SESSION)
    assert receiver.value("prism.model.age") == len(since) - 1 > 100  # the holdout is not read
    midnight = datetime.combine(through, time(0), UTC).timestamp()
    assert receiver.value("prism.model.trained_through", model=champion) == midnight
    bounds = [receiver.value("prism.skill", bound=b) for b in ("lower", "value", "upper")]
    assert bounds == sorted(bounds)
    assert receiver.value("prism.calendar.horizon", exchange="XSHG") > 30
    assert receiver.value("prism.alerts.open", severity="critical") == 0
    assert receiver.value("prism.check", check="disk home") == 0
    assert receiver.value("prism.check", check="calendar XSHG") == 0
    assert receiver.value("prism.source.replay", signal="hs300-direction-14") == 1
    assert {name for name in CATALOGUE if receiver.points(name)} == set(CATALOGUE)


def test_a_task_sends_what_it_did_and_how_it_failed(place: Any, receiver: Receiver) -> None:
    environ = place.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    with pytest.raises(KeyError):
        run_step("daily", "merge_bars", SESSION, {}, environ)

    ((labels, point),) = receiver.points("prism.step.duration")
    assert labels == {"pipeline": "daily", "step": "merge_bars", "outcome": "KeyError"}
    assert point.count == 1
    metric = receiver.requests[0].resource_metrics[0].scope_metrics[0].metrics[0]
    # A task's process counts from zero: what it sends are differences, not totals.
    assert metric.histogram.aggregation_temporality == DELTA


def test_a_collector_that_is_down_fails_no_step(
    place: Any, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = "http://127.0.0.1:9"
    context = run_step(
        "daily", "settle", SESSION, {}, place.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": nobody}
    )

    assert context["settled"] == 0
    assert [record.message for record in caplog.records if record.name.startswith("factorprism.t")]
    assert not receiver.requests
