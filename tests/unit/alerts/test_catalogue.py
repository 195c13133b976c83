"""Every kind of fault has a key of its own, words in both languages and an audience."""

from __future__ import annotations

import string

import pytest

from factorprism.alerts import KINDS, classify_fault, kind_of, read_fault
from factorprism.alerts.catalogue import AUDIENCES, DATA, OTHER, QUOTA, SOURCE, WITHHELD, subject_of
from factorprism.core import errors


def fill(pattern: str) -> dict[str, str]:
    return {name: f"<{name}>" for _, name, _, _ in string.Formatter().parse(pattern) if name}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_a_kind_is_found_again_by_its_key(kind) -> None:
    key = kind.key(**fill(kind.pattern))
    assert kind_of(key) is kind
    assert subject_of(key) == key.partition(" ")[2] != ""
    assert kind.urgency in ("now", "digest")
    assert kind.audience in AUDIENCES


def test_no_two_kinds_share_a_key() -> None:
    assert len({kind.word for kind in KINDS}) == len(KINDS)


def test_a_key_of_no_known_kind_is_reported_with_the_whole_key() -> None:
    assert kind_of("roof on fire") is OTHER
    assert subject_of("roof on fire") == "roof on fire"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.AccessDenied("no"), SOURCE),
        (errors.SourceError("no"), SOURCE),
        (errors.Throttled("wait"), QUOTA),
        (errors.EmptyResponse("stale"), DATA),
        (errors.MalformedResponse("half"), DATA),
        (errors.QualityError("gate"), WITHHELD),
        (OSError("no"), WITHHELD),
        (None, WITHHELD),
    ],
)
def test_a_fault_is_of_the_kind_of_its_error_and_is_read_again_by_its_word(error, kind) -> None:
    assert classify_fault(error) is kind
    assert read_fault(kind.word) is kind


def test_without_a_word_the_fault_is_a_withheld_forecast() -> None:
    assert read_fault("") is WITHHELD
