"""Sends what is pending: urgent faults and their ends at once, the rest in the digest.

What could not be handed over stays in the table of alerts and is tried again at the next occasion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from factorprism.alerts.catalogue import DAILY_DIGEST, NOW, kind_of
from factorprism.alerts.messages import Wording, compose_digest, compose_message
from factorprism.core.alerts import Address, Alert, Message, TrackedAlert
from factorprism.core.errors import FactorPrismError
from factorprism.core.ledger import Head
from factorprism.core.ports import AlertSink
from factorprism.core.severity import INFO

logger = logging.getLogger("factorprism.alerts")

LOCK = "alert delivery"


class AlertStore(Protocol):
    """What delivery asks of the alerts on record; the rooms of alerts and warehouse stay apart."""

    def record_event(self, alert: Alert) -> bool:
        """Keep `alert` as something that happened and is over; False when its key is known."""
        ...

    def list_open_alerts(self) -> list[Alert]:
        """Return the open alerts, oldest first."""
        ...

    def list_pending(self) -> list[TrackedAlert]:
        """Return what has happened of late and is pending, beginning or end, oldest first."""
        ...

    def find_alert(self, key: str) -> TrackedAlert | None:
        """Return the last occurrence of `key`."""
        ...

    def has_left(self, word: str) -> bool:
        """Tell whether a message of a key that begins with `word` has left within a week."""
        ...

    def mark_notified(self, entry: TrackedAlert) -> None:
        """Write down that the message of `entry`, as it stands there, has left."""
        ...

    def mark_failed(self, entry: TrackedAlert, notified_to: Collection[str]) -> None:
        """Write down that the message of `entry` could be handed to `notified_to` alone so far."""
        ...


@dataclass(frozen=True)
class Delivery:
    """Takes what `store` holds pending to `sink`; `lock` keeps two processes from one message.

    A message leaves once for each address. Only a process that dies between the address's answer
    and the note of it leaves a message to be sent twice. Without any address nothing is marked:
    it stays pending for one that is configured within the week.
    """

    store: AlertStore
    sink: AlertSink
    wording: Wording
    lock: Callable[[str], AbstractContextManager[None]] = field(repr=False)

    def tell(self) -> None:
        """Send what is pending and urgent, oldest first; a failure is only logged."""
        self._hold(self._tell_urgent)

    def tell_digest(self, signal: str, session: date, heads: Sequence[Head] = ()) -> None:
        """Send what has waited as one message to each address, once a `session`.

        With it go `heads`, the last rows of the ledger's chains. Where no digest has left for a
        week they go alone, so that somebody outside holds them in quiet weeks, too.
        """
        self._hold(lambda: self._tell_digest(signal, session, heads))

    def _hold(self, work: Callable[[], None]) -> None:
        try:
            if self.sink.addresses:
                with self.lock(LOCK):
                    work()
        except FactorPrismError as error:
            logger.error("alerts could not be delivered: %s", error.message)

    def _tell_urgent(self) -> None:
        down: set[str] = set()
        for entry in self.store.list_pending():
            if is_urgent(entry):
                message = compose_message(entry, self.wording)
                takers = self._takers(entry)
                taken = {
                    address.label
                    for address in takers
                    if address.label not in entry.notified_to and self._send(address, message, down)
                }
                self._note(entry, entry.notified_to | taken)

    def _send(self, address: Address, message: Message, down: set[str]) -> bool:
        """Send unless `address` has failed before in this round, since each try takes seconds."""
        if address.label in down:
            return False
        if self.sink.send(address, message):
            return True
        down.add(address.label)
        return False

    def _takers(self, entry: TrackedAlert) -> list[Address]:
        audience = kind_of(entry.alert.key).audience
        return [address for address in self.sink.addresses if audience in address.audiences]

    def _note(self, entry: TrackedAlert, notified_to: frozenset[str]) -> None:
        if {address.label for address in self._takers(entry)} <= notified_to:
            self.store.mark_notified(entry)
        else:
            self.store.mark_failed(entry, notified_to)

    def _tell_digest(self, signal: str, session: date, heads: Sequence[Head]) -> None:
        entries = [entry for entry in self.store.list_pending() if is_for_digest(entry)]
        sent = self._sent_before(signal, session)
        if sent is None:
            return
        still_open = self._open_besides(entries)
        down: set[str] = set()
        done = set(sent.notified_to)
        taken_by = [set(entry.notified_to) for entry in entries]
        heads_alone = bool(heads) and self._is_quiet(entries)
        for address in self.sink.addresses:
            news = [entry for entry in entries if _is_news(entry, address)]
            if address.label in done or not (news or heads_alone):
                continue
            rest = [item for item in still_open if kind_of(item.key).audience in address.audiences]
            message = compose_digest(news, rest, signal, session, self.wording, heads)
            if self._send(address, message, down):
                done.add(address.label)
                for entry, labels in zip(entries, taken_by, strict=True):
                    labels |= {address.label} if entry in news else set()
        for entry, labels in zip(entries, taken_by, strict=True):
            self._note(entry, frozenset(labels))
        if down:
            self.store.mark_failed(sent, done)
        elif done:
            self.store.mark_notified(sent)

    def _is_quiet(self, entries: Sequence[TrackedAlert]) -> bool:
        """Tell whether nobody has news, and no digest has left for a week."""
        has_news = any(_is_news(one, address) for one in entries for address in self.sink.addresses)
        return not has_news and not self.store.has_left(DAILY_DIGEST.word)

    def _sent_before(self, signal: str, session: date) -> TrackedAlert | None:
        """Return the note of this session's digest, None when it has left already."""
        key = DAILY_DIGEST.key(signal=signal, session=session)
        self.store.record_event(Alert(key, INFO, "the digest of the session", session))
        held = self.store.find_alert(key)
        return held if held is not None and held.notified_at is None else None

    def _open_besides(self, entries: Iterable[TrackedAlert]) -> Sequence[Alert]:
        keys = {entry.alert.key for entry in entries}
        return [alert for alert in self.store.list_open_alerts() if alert.key not in keys]


def is_urgent(entry: TrackedAlert) -> bool:
    """Tell whether `entry`, pending, is sent at once: it is urgent, and no fault that has passed.

    A fault that ended before anybody was notified of it wakes nobody: it goes into the digest. The
    end of one that was notified is sent at once, too.
    """
    kind = kind_of(entry.alert.key)
    over = kind.lasts and entry.resolved_at is not None
    return kind.urgency == NOW and (not over or entry.notified_at is not None)


def is_for_digest(entry: TrackedAlert) -> bool:
    """Tell whether `entry`, pending, waits for the digest."""
    return not is_urgent(entry) and kind_of(entry.alert.key) is not DAILY_DIGEST


def _is_news(entry: TrackedAlert, address: Address) -> bool:
    audience = kind_of(entry.alert.key).audience
    return audience in address.audiences and address.label not in entry.notified_to
