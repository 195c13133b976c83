"""Messages worth a person's attention, and where they go."""

from factorprism.alerts.sinks import AppriseSink, LogSink, build_sink, compose_message

__all__ = ["AppriseSink", "LogSink", "build_sink", "compose_message"]
