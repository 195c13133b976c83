"""What is worth a message: each kind of fault with its key, urgency, audience and words.

A key begins with the word of its kind; what follows names the thing that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NOW, DIGEST = "now", "digest"
OPERATORS, RESEARCHERS = "operators", "researchers"
AUDIENCES = (OPERATORS, RESEARCHERS)


@dataclass(frozen=True)
class AlertKind:
    """One kind of fault, or of event where it has no `end`.

    `pattern` is its key with names in braces; in `title` and `end` ``{subject}`` stands for what
    follows the key's first word. Its texts are English; the Chinese stands in ``translations``.
    `page` names the page that a message leads to.
    """

    pattern: str
    urgency: str
    audience: str
    page: str
    title: str
    end: str = ""
    advice: str = ""

    @property
    def word(self) -> str:
        """The first word of its keys, by which a key is recognised."""
        return self.pattern.split()[0]

    @property
    def lasts(self) -> bool:
        """Whether it is a state that ends; an event is reported once and has no end."""
        return bool(self.end)

    def key(self, **names: object) -> str:
        """Return the key of this kind for `names`, which must be those of `pattern`."""
        return self.pattern.format_map(names)


WITHHELD = AlertKind(
    "daily {signal}",
    NOW,
    OPERATORS,
    "today",
    "No forecast for {subject}",
    "{subject} has a forecast again",
    "Remove the cause and run the session again: the issued row follows the withheld one.",
)
DEADLINE = AlertKind(
    "deadline {signal}",
    NOW,
    OPERATORS,
    "today",
    "The forecast for {subject} is late",
    "The forecast for {subject} has arrived",
    "See which task of the run waits or is retried.",
)
SOURCE = AlertKind(
    "source {universe}",
    NOW,
    OPERATORS,
    "data",
    "The source of {subject} refuses",
    "The source of {subject} answers again",
    "Until it answers there is no forecast; earlier bars stay in force.",
)
DATA = AlertKind(
    "data {universe}",
    NOW,
    OPERATORS,
    "data",
    "The data of {subject} are incomplete",
    "The data of {subject} are complete again",
    "Wait until the source has published them or fix the file, then run the session again.",
)
QUOTA = AlertKind(
    "quota {universe}",
    NOW,
    OPERATORS,
    "data",
    "The vendor's quota for {subject} is used up",
    "The vendor's quota for {subject} suffices again",
    "Set FACTORPRISM_TUSHARE_CALLS_PER_MINUTE to your tier, or ask the vendor for more.",
)
TASK = AlertKind(
    "task {pipeline} {signal}",
    NOW,
    OPERATORS,
    "today",
    "A task failed: {subject}",
    "The run ends well again: {subject}",
    "The task's log has the details.",
)
DISK = AlertKind(
    "disk {folder}",
    NOW,
    OPERATORS,
    "data",
    "The disk is nearly full: {subject}",
    "The disk has room again: {subject}",
    "Free some space, or move the folder.",
)
SERVICES = AlertKind(
    "services {host}",
    NOW,
    OPERATORS,
    "today",
    "A service ended by itself: {subject}",
    "All services run again: {subject}",
    "It is started again by itself; where that repeats, see the folder logs of the home.",
)
HORIZON = AlertKind(
    "horizon {exchange}",
    DIGEST,
    OPERATORS,
    "data",
    "Ends of horizons on {subject} are expected soon",
    "The trading calendar of {subject} reaches far enough",
    (
        "Nothing needs doing: outcomes are settled on the sessions that come. "
        "On XSHG tushare's calendar (trade_cal) makes the ends exact."
    ),
)
CALENDAR = AlertKind(
    "calendar {exchange}",
    NOW,
    OPERATORS,
    "data",
    "Two trading calendars of {subject} disagree",
    "The trading calendars of {subject} agree again",
)
ARTEFACTS = AlertKind(
    "artefacts {state}",
    DIGEST,
    OPERATORS,
    "models",
    "Artefacts: {subject}",
    "Artefacts are all there again: {subject}",
    "Restore the artefact store from its backup.",
)
LEDGER = AlertKind(
    "ledger {signal}",
    NOW,
    OPERATORS,
    "record",
    "The ledger of {subject} was tampered with",
    "The ledger of {subject} fits again",
    "Compare with a backup, and find out who may write to the tables past their guards.",
)
CHAMPION = AlertKind(
    "champion {signal}",
    DIGEST,
    RESEARCHERS,
    "models",
    "The champion of {subject} is old",
    "{subject} has a young champion",
    "Train a candidate: factorprism train.",
)
DRIFT = AlertKind(
    "drift {signal}",
    DIGEST,
    RESEARCHERS,
    "models",
    "The factors of {subject} have drifted",
    "The factors of {subject} no longer drift",
)
SKILL = AlertKind(
    "skill {signal}",
    DIGEST,
    RESEARCHERS,
    "record",
    "The forecasts of {subject} lose to their reference",
    "The forecasts of {subject} no longer lose to their reference",
)
REVISED = AlertKind(
    "revised {symbol} {pull}",
    DIGEST,
    RESEARCHERS,
    "data",
    "Past bars were revised: {subject}",
)
REBASED = AlertKind(
    "rebased {symbol} {pull}",
    NOW,
    OPERATORS,
    "data",
    "The source has rebased its prices: {subject}",
)
PROMOTION = AlertKind(
    "promotion {signal} {decision}",
    DIGEST,
    RESEARCHERS,
    "models",
    "A model became champion: {subject}",
)
ROLLBACK = AlertKind(
    "rollback {signal} {decision}",
    NOW,
    RESEARCHERS,
    "models",
    "The champion was rolled back: {subject}",
)
# A key of no known kind is reported too.
OTHER = AlertKind(
    "other {subject}",
    NOW,
    OPERATORS,
    "today",
    "Attention: {subject}",
    "It is over: {subject}",
)
# One row a session and signal, by which a digest is sent once.
DAILY_DIGEST = AlertKind(
    "digest {signal} {session}",
    DIGEST,
    RESEARCHERS,
    "today",
    "Digest: {subject}",
)

KINDS = (
    WITHHELD,
    DEADLINE,
    SOURCE,
    DATA,
    QUOTA,
    TASK,
    DISK,
    SERVICES,
    HORIZON,
    CALENDAR,
    ARTEFACTS,
    LEDGER,
    CHAMPION,
    DRIFT,
    SKILL,
    REVISED,
    REBASED,
    PROMOTION,
    ROLLBACK,
    DAILY_DIGEST,
)
# The one fault of an evening without a forecast has one of these causes; each has its own key.
EVENING = (WITHHELD, SOURCE, DATA, QUOTA)
_BY_WORD: Mapping[str, AlertKind] = MappingProxyType({kind.word: kind for kind in KINDS})


def kind_of(key: str) -> AlertKind:
    """Return the kind that `key` belongs to, `OTHER` for a key of no known kind."""
    return _BY_WORD.get(key.partition(" ")[0], OTHER)


def subject_of(key: str) -> str:
    """Return what `key` is about, in the words of the key."""
    return key if kind_of(key) is OTHER else key.partition(" ")[2]
