"""The errors that a caller may catch; each carries one sentence and its remedy.

::

    FactorPrismError
    ├── ConfigurationError      a setting that cannot be used
    │   └── EndOfData           a session after the last one of a replay
    ├── SourceError             a vendor or a file did not give what was asked for
    │   ├── Throttled           too many calls: wait, then retry
    │   ├── AccessDenied        wrong token or missing permission: never retry
    │   ├── EmptyResponse       an answer without rows where rows must exist
    │   └── MalformedResponse   an answer that is not in the documented form
    ├── QualityError            critical expectations failed; they are attached
    ├── LookAheadError          a computation would have read the future
    ├── PromotionError          a promotion that the rule does not allow
    ├── ArtefactError           a stored model or picture is missing, altered or unfit
    ├── WarehouseError          the warehouse cannot be reached or used
    └── ServiceError            a service cannot be started, stopped or reached
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence


class FactorPrismError(Exception):
    """Base of all errors raised on purpose.

    ``message`` says what is wrong in one sentence, ``remedy`` what to do about it (may be empty).
    ``exit_code`` is what the command line returns for it.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class ConfigurationError(FactorPrismError):
    """A setting that cannot be used."""

    exit_code = 2


class EndOfData(ConfigurationError):
    """A session after the last one that the source will ever have."""


class SourceError(FactorPrismError):
    """A vendor or a file did not give what was asked for."""


class Throttled(SourceError):
    """The vendor refuses for now; ``retry_after`` seconds is the shortest sensible wait."""

    def __init__(self, message: str, *, retry_after: float = 60.0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class AccessDenied(SourceError):
    """Wrong token or missing permission; a retry can never pass."""


class EmptyResponse(SourceError):
    """No rows where the calendar says that rows must exist."""


class MalformedResponse(SourceError):
    """An answer that is not in the vendor's documented form."""


class QualityError(FactorPrismError):
    """Critical expectations failed; ``failures`` holds one sentence for each."""

    exit_code = 3

    def __init__(self, message: str, *, failures: Sequence[str] = (), remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.failures = tuple(failures)


class LookAheadError(FactorPrismError):
    """A computation would have read what was not published yet."""


class PromotionError(FactorPrismError):
    """A promotion that the rule does not allow."""


class ArtefactError(FactorPrismError):
    """A stored artefact is missing, altered, or not fit for this universe."""


class WarehouseError(FactorPrismError):
    """The warehouse cannot be reached or used."""


class ServiceError(FactorPrismError):
    """A service cannot be started, stopped or reached."""


_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "The disk is full: free some space and run the command again.",
    errno.EDQUOT: "The disk quota is used up: free some space and run the command again.",
    errno.EROFS: "The folder is read-only: set FACTORPRISM_HOME to a folder you may write.",
    errno.EACCES: "Not permitted: set FACTORPRISM_HOME to a folder you may write.",
}


def remedy_of(error: OSError) -> str:
    """Return what helps where the operating system refuses a file; empty where nobody knows."""
    return _REMEDIES.get(error.errno or 0, "")
