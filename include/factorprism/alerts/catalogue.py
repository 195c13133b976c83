"""What is worth a message: each kind of fault with its key, urgency, audience and words.

A key begins with the word of its kind; what follows names the thing that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from factorprism.core.config import LANGUAGES

NOW, DIGEST = "now", "digest"
OPERATORS, RESEARCHERS = "operators", "researchers"
AUDIENCES = (OPERATORS, RESEARCHERS)


@dataclass(frozen=True)
class Words:
    """One text in the languages that messages are written in."""

    en: str
    zh: str

    def __getitem__(self, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"language: {language!r}, allowed are {', '.join(LANGUAGES)}")
        text: str = getattr(self, language)
        return text


@dataclass(frozen=True)
class Kind:
    """One kind of fault, or of event where it has no `end`.

    `pattern` is its key with names in braces; in `title` and `end` ``{subject}`` stands for what
    follows the key's first word. `page` names the page that a message leads to.
    """

    pattern: str
    urgency: str
    audience: str
    page: str
    title: Words
    end: Words | None
    advice: Words | None = None

    @property
    def word(self) -> str:
        """The first word of its keys, by which a key is recognised."""
        return self.pattern.split()[0]

    @property
    def lasts(self) -> bool:
        """Whether it is a state that ends; an event is told once and has no end."""
        return self.end is not None

    def key(self, **names: object) -> str:
        """Return the key of this kind for `names`, which must be those of `pattern`."""
        return self.pattern.format_map(names)


def _fault(pattern: str, urgency: str, audience: str, page: str, *texts: tuple[str, str]) -> Kind:
    title, end, *advice = [Words(*text) for text in texts]
    return Kind(pattern, urgency, audience, page, title, end, advice[0] if advice else None)


def _event(pattern: str, urgency: str, audience: str, page: str, title: tuple[str, str]) -> Kind:
    return Kind(pattern, urgency, audience, page, Words(*title), None)


WITHHELD = _fault(
    "daily {signal}",
    NOW,
    OPERATORS,
    "today",
    ("No forecast for {subject}", "{subject} 没有预测"),
    ("{subject} has a forecast again", "{subject} 已恢复预测"),
    (
        "Remove the cause and run the session again: the issued row follows the withheld one.",
        "排除原因后请重新运行该交易日，新的预测会记在保留记录之后。",
    ),
)
DEADLINE = _fault(
    "deadline {signal}",
    NOW,
    OPERATORS,
    "today",
    ("The forecast for {subject} is late", "{subject} 的预测已超时"),
    ("The forecast for {subject} has arrived", "{subject} 的预测已产生"),
    ("See which task of the run waits or is retried.", "请查看本次运行中哪个任务在等待或重试。"),
)
SOURCE = _fault(
    "source {universe}",
    NOW,
    OPERATORS,
    "data",
    ("The source of {subject} refuses", "{subject} 的数据源拒绝服务"),
    ("The source of {subject} answers again", "{subject} 的数据源已恢复"),
    (
        "Until it answers there is no forecast; earlier bars stay in force.",
        "数据源恢复前不会有新的预测，已有行情不受影响。",
    ),
)
DATA = _fault(
    "data {universe}",
    NOW,
    OPERATORS,
    "data",
    ("The data of {subject} are incomplete", "{subject} 的数据不完整"),
    ("The data of {subject} are complete again", "{subject} 的数据已完整"),
    (
        "Wait until the source has published them or mend the file, then run the session again.",
        "请等待数据源发布或修复文件，然后重新运行该交易日。",
    ),
)
QUOTA = _fault(
    "quota {universe}",
    NOW,
    OPERATORS,
    "data",
    ("The vendor's quota for {subject} is used up", "{subject} 的数据商调用额度已用尽"),
    ("The vendor's quota for {subject} suffices again", "{subject} 的数据商调用额度已恢复"),
    (
        "Set FACTORPRISM_TUSHARE_CALLS_PER_MINUTE to your tier, or ask the vendor for more.",
        "请将 FACTORPRISM_TUSHARE_CALLS_PER_MINUTE 设为您的档位，或向数据商申请更高额度。",
    ),
)
TASK = _fault(
    "task {pipeline} {signal}",
    NOW,
    OPERATORS,
    "today",
    ("A task failed: {subject}", "任务失败：{subject}"),
    ("The run ends well again: {subject}", "运行已恢复正常：{subject}"),
    ("The task's log has the details.", "详情见该任务的日志。"),
)
DISK = _fault(
    "disk {place}",
    NOW,
    OPERATORS,
    "data",
    ("The disk is nearly full: {subject}", "磁盘空间不足：{subject}"),
    ("The disk has room again: {subject}", "磁盘空间已恢复：{subject}"),
    ("Free some space, or move the folder.", "请释放空间或迁移目录。"),
)
SERVICES = _fault(
    "services {host}",
    NOW,
    OPERATORS,
    "today",
    ("A service ended by itself: {subject}", "服务意外退出：{subject}"),
    ("All services run again: {subject}", "所有服务已恢复运行：{subject}"),
    (
        "It is started again by itself; where that repeats, see the folder logs of the home.",
        "系统会自动重新启动该服务；如反复发生，请查看主目录下的 logs 文件夹。",
    ),
)
HORIZON = _fault(
    "horizon {exchange}",
    DIGEST,
    OPERATORS,
    "data",
    ("Ends of horizons on {subject} are expected soon", "{subject} 的预测期末即将只能预计"),
    ("The trading calendar of {subject} reaches far enough", "{subject} 的交易日历已延长"),
    (
        "Nothing needs doing: outcomes are settled on the sessions that come. "
        "The vendor's calendar (tushare's trade_cal) makes the ends exact.",
        "无需处理：结果按实际交易日结算。启用数据商日历（tushare 的 trade_cal）可得到确切的期末。",
    ),
)
CALENDAR = _fault(
    "calendar {exchange}",
    NOW,
    OPERATORS,
    "data",
    ("Two trading calendars of {subject} disagree", "{subject} 的两份交易日历不一致"),
    ("The trading calendars of {subject} agree again", "{subject} 的交易日历已一致"),
)
ARTEFACTS = _fault(
    "artefacts {state}",
    DIGEST,
    OPERATORS,
    "models",
    ("Artefacts: {subject}", "模型与图像文件异常：{subject}"),
    ("Artefacts are all there again: {subject}", "模型与图像文件已恢复：{subject}"),
    ("Restore the artefact store from its backup.", "请从备份恢复文件存储。"),
)
LEDGER = _fault(
    "ledger {signal}",
    NOW,
    OPERATORS,
    "record",
    ("The ledger of {subject} was tampered with", "{subject} 的预测账本被改动"),
    ("The ledger of {subject} fits again", "{subject} 的预测账本校验通过"),
    (
        "Compare with a backup, and find out who may write to the tables past their guards.",
        "请与备份比对，并查明谁能绕过保护写入这些表。",
    ),
)
CHAMPION = _fault(
    "champion {signal}",
    DIGEST,
    RESEARCHERS,
    "models",
    ("The champion of {subject} is old", "{subject} 的冠军模型已过期"),
    ("{subject} has a young champion", "{subject} 已有新的冠军模型"),
    ("Train a candidate: factorprism train.", "请训练候选模型：factorprism train。"),
)
DRIFT = _fault(
    "drift {signal}",
    DIGEST,
    RESEARCHERS,
    "models",
    ("The factors of {subject} have drifted", "{subject} 的因子发生漂移"),
    ("The factors of {subject} no longer drift", "{subject} 的因子漂移已消失"),
)
SKILL = _fault(
    "skill {signal}",
    DIGEST,
    RESEARCHERS,
    "record",
    ("The forecasts of {subject} lose to their reference", "{subject} 的预测不及参考预测"),
    (
        "The forecasts of {subject} no longer lose to their reference",
        "{subject} 的预测不再逊于参考预测",
    ),
)
REVISED = _event(
    "revised {symbol} {pull}",
    DIGEST,
    RESEARCHERS,
    "data",
    ("Past bars were revised: {subject}", "历史行情被修订：{subject}"),
)
REBASED = _event(
    "rebased {symbol} {pull}",
    NOW,
    OPERATORS,
    "data",
    ("The source has rebased its prices: {subject}", "数据源调整了价格基准：{subject}"),
)
PROMOTION = _event(
    "promotion {signal} {decision}",
    DIGEST,
    RESEARCHERS,
    "models",
    ("A model took the title: {subject}", "模型晋升：{subject}"),
)
ROLLBACK = _event(
    "rollback {signal} {decision}",
    NOW,
    RESEARCHERS,
    "models",
    ("The title was rolled back: {subject}", "模型回滚：{subject}"),
)
# What another room raises under a key of its own is told too.
OTHER = _fault(
    "other {subject}",
    NOW,
    OPERATORS,
    "today",
    ("Attention: {subject}", "请注意：{subject}"),
    ("It is over: {subject}", "已恢复：{subject}"),
)
# One row a session and signal, by which a digest is sent once.
DAILY_DIGEST = _event(
    "digest {signal} {session}",
    DIGEST,
    RESEARCHERS,
    "today",
    ("Digest: {subject}", "每日摘要：{subject}"),
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
_BY_WORD: Mapping[str, Kind] = MappingProxyType({kind.word: kind for kind in KINDS})


def kind_of(key: str) -> Kind:
    """Return the kind that `key` belongs to, `OTHER` for a key of no known kind."""
    return _BY_WORD.get(key.partition(" ")[0], OTHER)


def subject_of(key: str) -> str:
    """Return what `key` is about, in the words of the key."""
    return key if kind_of(key) is OTHER else key.partition(" ")[2]
