"""What a page cannot show, in a sentence with its remedy, and the status that says so in HTTP."""

from __future__ import annotations

from factorprism.core.errors import FactorPrismError, ServiceError, WarehouseError
from factorprism.views import NotHeld


class BadQuestion(FactorPrismError):
    """A parameter of the address, or a field of a form, that cannot be read."""


class FormRefused(FactorPrismError):
    """A form that did not come from a page of this login."""


_STATUS: tuple[tuple[type[FactorPrismError], int], ...] = (
    (BadQuestion, 400),
    (FormRefused, 403),
    (NotHeld, 404),
    (WarehouseError, 503),
    (ServiceError, 503),
)


def status_of(error: FactorPrismError) -> int:
    """Return the HTTP status of `error`: the caller's fault, an absent thing, or ours."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 500
