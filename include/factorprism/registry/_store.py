"""Tells a store that cannot be reached, which may come back, from one that lacks a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from factorprism.core.errors import FactorPrismError, ServiceError


@contextmanager
def reach_store() -> Iterator[None]:
    """Raise what a store's driver raises of its own in the block as a `ServiceError`.

    That is a lost connection, a server that does not answer, no credentials at all. A file that
    is absent, refused or malformed is an `OSError` or a `ValueError` and stays one.
    """
    try:
        yield
    except (ConnectionError, TimeoutError) as exc:
        raise _unreachable(exc) from exc
    except (FactorPrismError, OSError, ValueError, ImportError, MemoryError):
        raise
    except Exception as exc:
        # Each fsspec driver has a library of its own under it, with errors of its own.
        raise _unreachable(exc) from exc


def _unreachable(exc: Exception) -> ServiceError:
    # The sentence becomes the reason of a withheld forecast: the same wherever the store lies.
    reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    return ServiceError(
        "the artefact store cannot be reached",
        remedy=f"{reason}. Check FACTORPRISM_ARTEFACTS and the store's own settings.",
    )
