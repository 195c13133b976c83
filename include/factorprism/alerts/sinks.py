"""Hands a message to one address through Apprise, and says whether it was taken."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from factorprism.alerts.addresses import parse_addresses, silenced
from factorprism.core.alerts import Address, Message
from factorprism.core.config import Config

logger = logging.getLogger("factorprism.alerts")


@dataclass(frozen=True)
class AppriseSink:
    """Sends through Apprise; `text` is what `parse_addresses` reads, empty for no address."""

    text: str = field(repr=False)

    @property
    def addresses(self) -> Sequence[Address]:
        """The addresses; raises `ConfigurationError` for one that Apprise does not know."""
        return parse_addresses(self.text) if self.text else ()

    def send(self, address: Address, message: Message) -> bool:
        """Return whether `address` took `message`; what went wrong is logged without its URL."""
        import apprise

        kind = apprise.NotifyType.SUCCESS if message.recovered else apprise.NotifyType.WARNING
        with silenced():
            notifier = apprise.Apprise()
            taken = notifier.add(address.url) and notifier.notify(
                title=message.title,
                body=message.body,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not taken:
            logger.error("address %s did not take the message %r", address.label, message.title)
        return bool(taken)


def build_sink(config: Config) -> AppriseSink:
    """Return the sink of the addresses that `config` names."""
    return AppriseSink(config.alerts_url)
