"""Every factor belongs to one group, whatever its period."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factorprism.factors import CATALOGUE
from factorprism.factors.factor import GROUPS
from factorprism.factors.groups import group_factors


def test_every_factor_of_the_catalogue_has_one_group() -> None:
    groups = group_factors([factor.name for factor in CATALOGUE])
    assert tuple(groups) == GROUPS
    assert sorted(place for places in groups.values() for place in places) == list(
        range(len(CATALOGUE))
    )
    assert group_factors(["roc_60", "mystery_3"]) == {"momentum": (0,), "other": (1,)}


def test_a_group_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="group: 'fundamental', allowed are momentum"):
        replace(CATALOGUE[0], group="fundamental")
