"""Chooses the source that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from factorprism.core.config import Config
from factorprism.core.errors import EndOfData
from factorprism.core.sessions import utc_now
from factorprism.market.ports import BarSource
from factorprism.sources.files import FilesSource
from factorprism.sources.sample import SampleSource
from factorprism.sources.tushare import TushareSource

REAL_DATA = (
    "For real data: TUSHARE_TOKEN=... make run, or FACTORPRISM_FILES=path/to/folder make run."
)


def build_source(config: Config, *, now: Callable[[], datetime] = utc_now) -> BarSource:
    """Return the source of `config`; `now` gives the wall clock (naive, UTC).

    Nothing is read and no vendor is called before the first question.
    Raises `ConfigurationError` for settings that the source cannot use.
    """
    if config.source == "sample":
        return SampleSource(now=now, calendar_of=config.calendar_of)
    if config.source == "files":
        assert config.files is not None  # the configuration has seen to it
        return FilesSource(
            config.files,
            history_start=config.history_start,
            now=now,
            calendar_of=config.calendar_of,
        )
    return TushareSource(
        config.tushare_token,
        url=config.tushare_url,
        calls_per_minute=config.tushare_calls_per_minute,
        history_start=config.history_start,
        now=now,
        calendar_of=config.calendar_of,
    )


def find_final_session(config: Config, symbol: str) -> date | None:
    """Return the last session that the source of `config` will ever have of `symbol`.

    None where more are to come. Raises `SourceError` for a symbol that the source lacks.
    """
    return build_source(config).final_session(symbol)


def require_within_data(config: Config, symbol: str, session: date) -> None:
    """Raise `EndOfData` for a `session` after the last one that there will ever be of `symbol`."""
    final = find_final_session(config, symbol)
    if final is not None and session > final:
        raise EndOfData(
            f"the data of source {config.source!r} are a replay and end at {final}: there is "
            f"nothing of {session}",
            remedy=REAL_DATA,
        )
