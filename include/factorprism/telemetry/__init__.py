"""What the pipelines measure of themselves: OpenTelemetry instruments and structured logs."""

from factorprism.telemetry.catalogue import CATALOGUE, Instrument, Kind
from factorprism.telemetry.logs import bound, make_formatter, redact, secrets_of
from factorprism.telemetry.meters import OtlpMeter, SilentMeter, build_meter

__all__ = [
    "CATALOGUE",
    "Instrument",
    "Kind",
    "OtlpMeter",
    "SilentMeter",
    "bound",
    "build_meter",
    "make_formatter",
    "redact",
    "secrets_of",
]
