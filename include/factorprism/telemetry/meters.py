"""Where measurements go: nowhere, or by OTLP to the collector that the configuration names."""

from __future__ import annotations

import logging
from typing import Any

from factorprism.core.config import Config
from factorprism.core.ports import Meter
from factorprism.telemetry.catalogue import CATALOGUE, Instrument, MetricKind, find_instrument

# A collector that does not answer may hold up a step by no more than this.
EXPORT_SECONDS = 3.0
# Steps take from a tenth of a second to hours.
STEP_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 43200)
SCOPE = "factorprism"

logger = logging.getLogger("factorprism.telemetry")


class SilentMeter:
    """Checks names and labels, and sends nothing."""

    def record(self, name: str, value: float, **labels: str) -> None:
        find_instrument(name, labels)

    def close(self) -> None:
        return None


class OtlpMeter:
    """Gathers the measurements of one process and sends them when it is closed.

    A task's process lives for one step, so that counts are sent as differences (delta
    temporality); the collector adds them up. A collector that is down is logged once and never
    fails the step.
    """

    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        self._exporter = OTLPMetricExporter(endpoint, timeout=EXPORT_SECONDS)
        # Collected by hand at the close: no thread of the library outlives a forked task.
        self._reader = InMemoryMetricReader(preferred_temporality=_deltas())
        self._provider = MeterProvider(metric_readers=[self._reader], shutdown_on_exit=False)
        meter = self._provider.get_meter(SCOPE)
        self._instruments = {name: _create(meter, line) for name, line in CATALOGUE.items()}

    def record(self, name: str, value: float, **labels: str) -> None:
        """Take one measurement; raises ``ValueError`` for a name or labels of no instrument."""
        line = find_instrument(name, labels)
        instrument = self._instruments[name]
        write = {
            MetricKind.COUNTER: "add",
            MetricKind.GAUGE: "set",
            MetricKind.HISTOGRAM: "record",
        }[line.kind]
        getattr(instrument, write)(value, labels)

    def close(self) -> None:
        """Send what was gathered."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        gathered = self._reader.get_metrics_data()
        try:
            if gathered is not None:
                milliseconds = int(EXPORT_SECONDS * 1000)
                sent = self._exporter.export(gathered, timeout_millis=milliseconds)
                if sent is not MetricExportResult.SUCCESS:
                    logger.warning("the metrics of this step could not be sent to the collector")
        finally:
            self._exporter.shutdown()
            self._provider.shutdown()


def build_meter(config: Config) -> Meter:
    """Return the meter that sends to the collector of `config`, or a silent one without it."""
    if not config.metrics_url:
        return SilentMeter()
    # The library's own lines about a collector that is down come with a traceback each.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return OtlpMeter(config.metrics_url)


def _deltas() -> dict[type, Any]:
    from opentelemetry.sdk.metrics import Counter, Histogram
    from opentelemetry.sdk.metrics.export import AggregationTemporality

    return {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}


def _create(meter: Any, line: Instrument) -> Any:
    described = {"unit": line.unit, "description": line.meaning}
    if line.kind is MetricKind.COUNTER:
        return meter.create_counter(line.name, **described)
    if line.kind is MetricKind.GAUGE:
        return meter.create_gauge(line.name, **described)
    return meter.create_histogram(
        line.name, explicit_bucket_boundaries_advisory=STEP_BOUNDS, **described
    )
