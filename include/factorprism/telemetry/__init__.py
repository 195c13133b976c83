"""What the pipelines measure of themselves: OpenTelemetry instruments and structured logs."""

from factorprism.telemetry.catalogue import CATALOGUE, Instrument, MetricKind
from factorprism.telemetry.logs import bound, make_formatter, redact, secrets_of
from factorprism.telemetry.meters import OtlpMeter, SilentMeter, build_meter

__all__ = [
    "CATALOGUE",
    "Instrument",
    "MetricKind",
    "OtlpMeter",
    "SilentMeter",
    "bound",
    "build_meter",
    "make_formatter",
    "redact",
    "secrets_of",
]
