"""Chooses the source that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError
from factorprism.core.ports import BarSource
from factorprism.core.sessions import utc_now
from factorprism.sources.files import FilesSource
from factorprism.sources.sample import SampleSource
from factorprism.sources.tushare import TushareSource


def build_source(config: Config, *, now: Callable[[], datetime] = utc_now) -> BarSource:
    """Return the source of `config`; `now` gives the wall clock (naive, UTC).

    Nothing is read and no vendor is called before the first question.
    Raises `ConfigurationError` for settings that the source cannot use.
    """
    if config.source == "sample":
        return SampleSource(now=now, calendar_of=config.calendar_of)
    history_start = _parse_history_start(config.history_start)
    if config.source == "files":
        assert config.files is not None  # the configuration has seen to it
        return FilesSource(
            config.files, history_start=history_start, now=now, calendar_of=config.calendar_of
        )
    return TushareSource(
        config.tushare_token,
        url=config.tushare_url,
        calls_per_minute=config.tushare_calls_per_minute,
        history_start=history_start,
        now=now,
        calendar_of=config.calendar_of,
    )


def _parse_history_start(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(
            f"FACTORPRISM_HISTORY_START is {text!r}", remedy="It must be a date as 2005-01-04."
        ) from exc
