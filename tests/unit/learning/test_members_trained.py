"""Ensemble members: what the candidate would have been with another seed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from factorprism.learning import Candidate, TrainingSet, TrainingSettings
from quiet_training import train_quietly


def test_a_member_is_the_candidate_of_the_next_seed(
    make_training_set: Callable[..., TrainingSet],
    quick_settings: TrainingSettings,
    tmp_path: Path,
) -> None:
    market = make_training_set(600)
    settings = replace(quick_settings, epochs=2)

    def train(name: str, **changes: int) -> Candidate:
        return train_quietly(market, replace(settings, **changes), tmp_path / name)

    def weights(candidate: Candidate, name: str = "model.keras") -> bytes:
        return (candidate.bundle / name).read_bytes()

    alone = train("alone")
    held = train("held", members=1)
    following = train("following", seed=settings.seed + 1)
    assert weights(held) == weights(alone)
    assert weights(held, "member_1.keras") == weights(following)
    assert weights(held, "member_1.keras") != weights(held)
    assert not list(alone.bundle.glob("member_*"))

    # A fine-tuning goes on from the members that its start has, and makes up none.
    later = make_training_set(660)
    for start, expected in ((held, 1), (alone, 0)):
        tuned = train_quietly(
            later,
            replace(settings, members=2),
            tmp_path / f"tuned-{expected}",
            mode="fine_tune",
            initial=start.bundle,
        )
        assert len(list(tuned.bundle.glob("member_*"))) == expected


def test_a_number_of_members_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="members: -1, allowed are whole numbers from 0"):
        TrainingSettings(members=-1)
