"""The words of a message, in English or Chinese, with a link to the page that shows more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from factorprism.alerts.catalogue import AlertKind, kind_of, subject_of
from factorprism.core.alerts import Alert, Message, TrackedAlert, split_addresses
from factorprism.core.config import Config
from factorprism.core.ledger import Head
from factorprism.core.translations import load_translations
from factorprism.core.words import HIDDEN

PAGES_PREFIX = "/prism"  # where Airflow's server has the pages
TRANSLATIONS = Path(__file__).parent / "translations"
# The user part of a URL: name, password or token.
_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)


@dataclass(frozen=True)
class Wording:
    """How messages are written: the language, where the pages are, and what must not be said."""

    language: str = "en"
    ui_url: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def gettext(self, message: str) -> str:
        """Return the English `message` in the language of messages."""
        return load_translations(TRANSLATIONS, self.language).ugettext(message)

    def clean(self, text: str) -> str:
        """Return `text` without the known secrets and without the login of any URL."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return _LOGIN.sub(rf"\1{HIDDEN}@", text)


def build_wording(config: Config) -> Wording:
    """Return how messages are written under `config`."""
    secrets = [config.tushare_token, *(url for _, url in split_addresses(config.alerts_url))]
    return Wording(config.language, config.ui_url, tuple(item for item in secrets if item))


def page_url(ui_url: str, page: str, session: date | None) -> str:
    """Return the address of `page` for `session` in Airflow's UI, empty without `ui_url`.

    Airflow shows what stands at the path after the page's name in the frame of the page, and hands
    it the query; without that path it would drop the query.
    """
    if not ui_url:
        return ""
    base = ui_url.rstrip("/")
    inner = f"{urlsplit(base).path}{PAGES_PREFIX}/{page}"
    query = f"?{urlencode({'session': session.isoformat()})}" if session else ""
    return f"{base}/plugin/prism-{page}{inner}{query}"


def compose_message(entry: TrackedAlert, wording: Wording) -> Message:
    """Return the message of `entry`: of its end when it has ended, else of the fault or event."""
    kind, alert, gettext = kind_of(entry.alert.key), entry.alert, wording.gettext
    ended = kind.lasts and entry.resolved_at is not None
    lines = [entry.recovery, ": ".join([gettext("It was"), alert.sentence])]
    if not ended:
        lines = [alert.sentence, gettext(kind.advice) if kind.advice else ""]
    lines += ["", *_facts(entry, kind, wording, ended=ended)]
    title = f"factorprism{_of_session(alert)}: {_headline(alert.key, wording, ended=ended)}"
    body = "\n".join(line for number, line in enumerate(lines) if line or number == 2)
    return Message(wording.clean(title), wording.clean(body).strip(), recovered=ended)


def compose_digest(
    entries: Sequence[TrackedAlert],
    still_open: Sequence[Alert],
    signal: str,
    session: date,
    wording: Wording,
    heads: Sequence[Head] = (),
) -> Message:
    """Return one message of `entries`, new and ended, and of what is open since before.

    `heads` are the last rows of the ledger's chains: whoever has the message holds them outside.
    """
    gettext = wording.gettext
    ended = [item for item in entries if kind_of(item.alert.key).lasts and item.resolved_at]
    sections = {
        gettext("New"): [_line(item.alert, wording) for item in entries if item not in ended],
        gettext("Ended"): [_line(item.alert, wording, item.recovery, ended=True) for item in ended],
        gettext("Still open"): [_line(alert, wording) for alert in still_open],
        gettext("Last row of each ledger, to be kept"): [f"- {head}" for head in heads],
    }
    blocks = ["\n".join([f"{name}:", *lines]) for name, lines in sections.items() if lines]
    if link := page_url(wording.ui_url, "today", session):
        blocks.append(": ".join([gettext("Page"), link]))
    headline = gettext("digest of {signal}").format(signal=signal)
    title = f"factorprism {session}: {headline}"
    return Message(wording.clean(title), wording.clean("\n\n".join(blocks)))


def _headline(key: str, wording: Wording, *, ended: bool) -> str:
    kind = kind_of(key)
    words = kind.end if ended and kind.end else kind.title
    return wording.gettext(words).replace("{subject}", subject_of(key))


def _facts(entry: TrackedAlert, kind: AlertKind, wording: Wording, *, ended: bool) -> list[str]:
    alert, gettext = entry.alert, wording.gettext
    link = page_url(wording.ui_url, kind.page, alert.session)
    moments = [(gettext("Since"), entry.raised_at)]
    if ended and entry.resolved_at:
        moments.append((gettext("Until"), entry.resolved_at))
    facts = [(name, f"{moment:%Y-%m-%d %H:%M} UTC") for name, moment in moments]
    if alert.session:
        facts.insert(0, (gettext("Session"), alert.session.isoformat()))
    if link:
        facts.append((gettext("Page"), link))
    return [f"{name}: {value}" for name, value in facts]


def _line(alert: Alert, wording: Wording, recovery: str = "", *, ended: bool = False) -> str:
    headline = _headline(alert.key, wording, ended=ended)
    said = (recovery or alert.sentence).splitlines()[0]
    return f"- {headline}: {said}"


def _of_session(alert: Alert) -> str:
    return f" {alert.session.isoformat()}" if alert.session else ""
