"""Index factors as images, read by a network every trading evening, kept in an honest ledger.

In Python begin with `connect`::

    import factorprism as fp

    with fp.connect() as prism:
        forecasts = prism.forecasts()

What stands in ``__all__`` is loaded when it is first asked for: the import itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factorprism.core.errors import ConfigurationError, FactorPrismError
    from factorprism.frames import Connection, Image, connect

__all__ = ["ConfigurationError", "Connection", "FactorPrismError", "Image", "connect"]
__version__ = "0.1.0"

_HOMES = {"ConfigurationError": "core.errors", "FactorPrismError": "core.errors"}

if not TYPE_CHECKING:  # a name that is not there stays an error of mypy

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        home = import_module(f"{__name__}.{_HOMES.get(name, 'frames')}")
        return globals().setdefault(name, getattr(home, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
