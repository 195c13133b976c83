"""What the pipelines measure of themselves: OpenTelemetry instruments and structured logs."""
