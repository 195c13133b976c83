"""Where alerts are sent: the log always, and any Apprise URL that is configured."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.ports import AlertSink
from factorprism.core.schemas import Alert

logger = logging.getLogger("factorprism.alerts")


def compose_message(alert: Alert, *, recovered: bool = False) -> tuple[str, str]:
    """Return the title and the body of the message for `alert`."""
    state = "recovered" if recovered else alert.severity
    session = f" {alert.session.isoformat()}" if alert.session else ""
    return f"factorprism{session}: {state}", f"{alert.sentence}\n({alert.key})"


@dataclass(frozen=True)
class LogSink:
    """Writes alerts to the log alone; the warehouse's `alerts` table keeps them anyway."""

    def send(self, alert: Alert, *, recovered: bool = False) -> None:
        title, body = compose_message(alert, recovered=recovered)
        logger.log(logging.INFO if recovered else logging.WARNING, "%s: %s", title, body)


@dataclass(frozen=True)
class AppriseSink:
    """Sends alerts to an Apprise URL (mail, chat or webhook); a failed delivery is logged.

    A message that cannot be delivered must not fail the run that it reports on.
    """

    url: str = field(repr=False)

    def send(self, alert: Alert, *, recovered: bool = False) -> None:
        import apprise

        LogSink().send(alert, recovered=recovered)
        title, body = compose_message(alert, recovered=recovered)
        notifier = apprise.Apprise()
        if not notifier.add(self.url):
            raise ConfigurationError(
                "FACTORPRISM_ALERTS_URL is not an address that Apprise knows",
                remedy="See the Apprise documentation for the form of your service's URL.",
            )
        kind = apprise.NotifyType.SUCCESS if recovered else apprise.NotifyType.WARNING
        if not notifier.notify(title=title, body=body, notify_type=kind):
            logger.error("the alert %s could not be delivered", alert.key)


def build_sink(config: Config) -> AlertSink:
    """Return the sink that `config` asks for."""
    return AppriseSink(config.alerts_url) if config.alerts_url else LogSink()
