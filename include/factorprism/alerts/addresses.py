"""Where messages go: Apprise URLs, each for all audiences or for one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from factorprism.alerts.catalogue import AUDIENCES
from factorprism.core.alerts import Address, split_addresses
from factorprism.core.errors import ConfigurationError

# They write addresses, with the passwords and tokens in them, when they are asked to say more.
_TALKATIVE = ("apprise", "urllib3", "requests", "smtplib")
# What is said, with its remedy, where nobody would be notified of anything.
NO_ADDRESS = "no address for alerts is set, so that nobody is notified"
HOW_TO_ADDRESS = (
    "Set FACTORPRISM_ALERTS_URL, or Airflow's connection prism_alerts, which is not seen from here."
)


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Read Apprise URLs apart by white space; ``operators=`` before one restricts it to them.

    An address is called by its place and service, never by its URL, which may hold a password.
    Raises `ConfigurationError` for a URL that no service of Apprise knows.
    """
    addresses = []
    for number, (audience, url) in enumerate(split_addresses(text), start=1):
        if audience and audience not in AUDIENCES:
            raise ConfigurationError(
                f"address {number} for alerts is for {audience}, an audience that is unknown",
                remedy=f"Use one of {', '.join(AUDIENCES)}, or none for both.",
            )
        audiences = frozenset([audience] if audience else AUDIENCES)
        addresses.append(Address(f"{number} {_service_of(url, number)}", audiences, url))
    return tuple(addresses)


def _service_of(url: str, number: int) -> str:
    import apprise

    with silenced():
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise ConfigurationError(
            f"address {number} for alerts is not one that Apprise knows",
            remedy="See docs/alerts.md for the form of your service's URL.",
        )
    return str(service.service_name)


@contextmanager
def silenced() -> Iterator[None]:
    """Keep the libraries that send from writing addresses into the log."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [item.level for item in loggers]
    try:
        for item in loggers:
            item.setLevel(logging.CRITICAL)
        yield
    finally:
        for item, level in zip(loggers, levels, strict=True):
            item.setLevel(level)
