"""How far a list of pulled ranges covers the calendar, and which number a lock has."""

from __future__ import annotations

from datetime import date

import pytest

from factorprism.core.calendar import calendar_of
from factorprism.warehouse.db.locks import lock_number
from factorprism.warehouse.pulls import covered_through

CALENDAR = calendar_of("000300.SH")


def day(text):
    return date.fromisoformat(f"2020-{text}")


@pytest.mark.parametrize(
    ("ranges", "covered"),
    [
        ([("01-02", "01-10")], "01-10"),
        ([("01-02", "01-10"), ("01-13", "01-14")], "01-14"),  # a weekend between
        ([("01-02", "01-23"), ("02-03", "02-04")], "02-04"),  # the spring festival between
        ([("01-02", "01-09"), ("01-13", "01-14")], "01-09"),  # Friday 10 is missing
        ([("01-02", "01-20"), ("01-03", "01-06"), ("01-15", "01-22")], "01-22"),
        ([("01-02", "01-12")], "01-10"),
    ],
)
def test_days_without_trading_make_no_hole(ranges, covered):
    pulled = [(day(first), day(last)) for first, last in ranges]
    assert covered_through(pulled, CALENDAR) == day(covered)


def test_a_locks_number_never_changes():
    # Two versions of the package that run side by side must mean the same lock.
    assert lock_number("migrate") == lock_number("migrate") != lock_number("pulls")
    assert lock_number("migrate") == LOCK_OF_MIGRATE
    assert -(2**63) <= lock_number("bars 000300.SH") < 2**63


LOCK_OF_MIGRATE = 1251352743198988529
