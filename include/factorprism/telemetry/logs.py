"""Structured logs: each line knows its session, pipeline and step, and none holds a secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from factorprism.core.alerts import split_addresses
from factorprism.core.words import HIDDEN

LINE = "%(levelname)s %(name)s: %(message)s"
# The password of an address such as postgresql://user:password@host/name.
_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s@/]+(?=@)", re.IGNORECASE)


@contextmanager
def bound(**facts: object) -> Iterator[None]:
    """Let every line that is logged in the block carry `facts`.

    Airflow's own task logs merge the same context, so that they carry them as well.
    """
    import structlog

    named = {name: str(value) for name, value in facts.items()}
    with structlog.contextvars.bound_contextvars(**named):
        yield


def make_formatter(form: str, secrets: Sequence[str], line: str = LINE) -> logging.Formatter:
    """Return a formatter of plain lines (`form` ``text``, by the template `line`) or of ``json``.

    `secrets`, and the passwords of addresses, are replaced wherever they stand.
    """
    inner = _json_formatter() if form == "json" else logging.Formatter(line)
    return _Redacting(inner, tuple(secrets))


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of `environ` that no line may show: the token, and each address."""
    urls = [url for _, url in split_addresses(environ.get("FACTORPRISM_ALERTS_URL", ""))]
    return tuple(filter(None, (environ.get("TUSHARE_TOKEN", "").strip(), *urls)))


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return `text` with each of `secrets`, and each password in an address, hidden."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _PASSWORD.sub(rf"\g<head>{HIDDEN}", text)


class _Redacting(logging.Formatter):
    """Formats as another formatter does, and hides secrets in what comes out."""

    def __init__(self, inner: logging.Formatter, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record), self._secrets)


def _json_formatter() -> logging.Formatter:
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        processors=[
            _name_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.format_exc_info,
        ],
    )


def _name_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Order a line for reading: when, how grave, what, then the rest."""
    rest = {name: value for name, value in event.items() if not name.startswith("_")}
    first = ("timestamp", "level", "event")
    return {name: rest.pop(name) for name in first if name in rest} | rest
