"""Messages worth a person's attention: which there are, to whom they go, and what they say."""

from factorprism.alerts import catalogue
from factorprism.alerts.addresses import HOW_TO_ADDRESS, NO_ADDRESS
from factorprism.alerts.catalogue import KINDS, AlertKind, kind_of
from factorprism.alerts.delivery import Delivery
from factorprism.alerts.faults import classify_fault, read_fault
from factorprism.alerts.messages import Wording, build_wording, compose_message, page_url
from factorprism.alerts.sinks import AppriseSink, build_sink

__all__ = [
    "HOW_TO_ADDRESS",
    "KINDS",
    "NO_ADDRESS",
    "AlertKind",
    "AppriseSink",
    "Delivery",
    "Wording",
    "build_sink",
    "build_wording",
    "catalogue",
    "classify_fault",
    "compose_message",
    "kind_of",
    "page_url",
    "read_fault",
]
