"""What a page is answered from: the settings and one warehouse for the life of the process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar, cast

from factorprism.core.config import Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import SIGNALS_FILE
from factorprism.core.universe import UNIVERSES_FILE, exchanges_of, load_universes
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.calendar import teach_held_days

VERSION_SECONDS = 1.0
Value = TypeVar("Value")


class House:
    """One warehouse for many readers, opened when it is first asked; safe for threads.

    The server refuses whatever would be written by it, even to a login that may write.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._version = ""
        self._asked_at = float("-inf")
        self._recalled: dict[Hashable, tuple[str, object]] = {}

    @cached_property
    def warehouse(self) -> PostgresWarehouse:
        """The warehouse; raises `ConfigurationError` where none is named."""
        if not self.config.warehouse_url:
            raise ConfigurationError(
                "no warehouse is configured",
                remedy="Set FACTORPRISM_WAREHOUSE_URL, or start one: factorprism services start.",
            )
        return PostgresWarehouse(self.config.reader_url, read_only=True)

    def known_version(self) -> str:
        """Return the version that was read within a second, empty where it has to be read again.

        While another thread reads it, the one before is good enough.
        """
        fresh = time.monotonic() - self._asked_at < VERSION_SECONDS
        return self._version if fresh or self._lock.locked() else ""

    def read_version(self) -> str:
        """Return a text that changes whenever a page may show something else.

        It follows from the warehouse and from the home's files of signals and universes, which are
        asked at most once a second. With a new version the process learns the
        days that the warehouse holds, so that a page counts sessions as the runs do. Raises
        `WarehouseError`.
        """
        with self._lock:
            if time.monotonic() - self._asked_at >= VERSION_SECONDS:
                version = f"{self.warehouse.read_version()} {_stamp(self.config.home)}"
                if version != self._version:
                    universes = load_universes(self.config.home).values()
                    teach_held_days(self.warehouse.calendar, exchanges_of(universes))
                self._version, self._asked_at = version, time.monotonic()
            return self._version

    def recall(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what `make` gave for `key` at the warehouse's present version.

        For what is dear to compute and the same on many pages; the last value of a key is kept.
        """
        version = self.read_version()
        held = self._recalled.get(key)
        if held is None or held[0] != version:
            held = self._recalled[key] = (version, make())
        return cast(Value, held[1])

    def forget_version(self) -> None:
        """Have the warehouse asked again: something was just written."""
        with self._lock:
            self._version, self._asked_at = "", float("-inf")


def _stamp(home: Path) -> str:
    """Return when the files of signals and universes in `home` were last written."""
    files = [home / name for name in (SIGNALS_FILE, UNIVERSES_FILE)]
    return " ".join(str(path.stat().st_mtime_ns) if path.is_file() else "-" for path in files)


@lru_cache(maxsize=1)
def open_house() -> House:
    """Return the house of this process, with the settings of its environment."""
    return House(load_config(os.environ))
