"""Chooses the source that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, EndOfData
from factorprism.core.ports import BarSource
from factorprism.core.sessions import utc_now
from factorprism.sources.files import FilesSource
from factorprism.sources.sample import SampleSource
from factorprism.sources.tushare import TushareSource

REAL_DATA = (
    "For real data: TUSHARE_TOKEN=... make run, or FACTORPRISM_SOURCE=files "
    "FACTORPRISM_FILES=path/to/folder make run."
)


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


def find_final_session(config: Config) -> date | None:
    """Return the last session that the source of `config` will ever have of the target.

    None where more are to come. Raises `SourceError` for a target that the source lacks.
    """
    return build_source(config).final_session(config.universe.target)


def require_within_data(config: Config, session: date) -> None:
    """Raise `EndOfData` for a `session` after the last one that the source will have."""
    final = find_final_session(config)
    if final is not None and session > final:
        raise EndOfData(
            f"the data of source {config.source!r} are a replay and end at {final}: there is "
            f"nothing of {session}",
            remedy=REAL_DATA,
        )


def _parse_history_start(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(
            f"FACTORPRISM_HISTORY_START is {text!r}", remedy="It must be a date as 2005-01-04."
        ) from exc
