"""How the next candidate is trained, decided on a real warehouse with a trained champion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import find_signal
from factorprism.learning import TrainingSet
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.history import load_training_set
from factorprism.pipelines.refreshing import choose_mode, measure_champion_loss
from factorprism.pipelines.weekly import build_dataset
from ledger_rows import SYMBOL, make_issued, make_outcome

SESSION = date(2024, 6, 28)
SEVERAL = 130


@pytest.fixture
def run(place: Any) -> Iterator[Run]:
    with open_ports(place.config) as ports:
        yield Run(SESSION, find_signal(place.config), place.config, ports)


@pytest.fixture
def training_set(run: Run) -> TrainingSet:
    return load_training_set(run, build_dataset(run, {}))[0]


def issue(run: Run, training_set: TrainingSet, model_id: str, p_up: float, rise: bool) -> None:
    """Put the latest matured forecasts of the model into the ledger, all of them alike."""
    sessions = [day.astype(date) for day in training_set.image_set.sessions]
    values = {SYMBOL: {"p_up": p_up, "p_up_raw": p_up, "base_rate": 0.5}}
    outcomes = []
    for row in training_set.samples[-SEVERAL:]:
        end = sessions[row + training_set.horizon]
        issued = make_issued(sessions[row], model_id=model_id, values=values, horizon_end=end)
        run.ports.warehouse.forecasts.append(issued)
        outcomes.append(make_outcome(issued, 0.01 if rise else -0.01))
    run.ports.warehouse.forecasts.save_outcomes(outcomes)


def test_auto_fine_tunes_a_champion_of_which_nothing_bad_is_known(
    run: Run, training_set: TrainingSet
) -> None:
    """No forecast of it has matured: it is evaluated on what it would have said."""
    mode, champion, why = choose_mode(run, "auto", training_set)
    assert mode == "fine_tune"
    assert champion is not None
    assert "no factor has drifted over the last 120 sessions" in why
    assert "its matured loss has not worsened: over 120 matured forecasts" in why


def test_the_ledger_speaks_where_enough_has_matured(run: Run, training_set: TrainingSet) -> None:
    _, champion, _ = choose_mode(run, "auto", training_set)
    assert champion is not None
    issue(run, training_set, champion, 0.9, rise=False)
    mode, start, why = choose_mode(run, "auto", training_set)
    assert (mode, start) == ("retrain", None)
    assert f"it loses to the base rate: over {SEVERAL} matured forecasts" in why

    # On the session of the first of them none had matured, and the model is asked instead.
    record = run.ports.warehouse.models.load_model(champion)
    early = replace(run, session=training_set.session_at(int(training_set.samples[-SEVERAL])))
    assert measure_champion_loss(run, record, training_set).n_sessions == SEVERAL
    assert measure_champion_loss(early, record, training_set).n_sessions == 120


def test_auto_retrains_when_a_factor_has_drifted(run: Run, training_set: TrainingSet) -> None:
    cube = training_set.image_set.cube.copy()
    cube[-120:, 3] = np.nanmax(cube[:, 3])
    drifted = replace(training_set, image_set=replace(training_set.image_set, cube=cube))
    mode, start, why = choose_mode(run, "auto", drifted)
    assert (mode, start) == ("retrain", None)
    assert "of 16 factors have drifted" in why
    assert training_set.image_set.factors[3] in why


def test_auto_retrains_a_champion_that_is_old_or_reads_other_images(
    run: Run, training_set: TrainingSet
) -> None:
    config = run.config.with_changes(champion_max_age_sessions=10)
    mode, start, why = choose_mode(replace(run, config=config), "auto", training_set)
    assert (mode, start) == ("retrain", None)
    assert "and 10 are allowed" in why

    image_set = replace(training_set.image_set, channels=("000905.SH",))
    other = replace(training_set, image_set=image_set)
    mode, start, why = choose_mode(run, "auto", other)
    assert (mode, start) == ("retrain", None)
    assert why == "since the champion does not fit the data: other channels"


def test_what_is_asked_for_is_done_and_an_unknown_mode_refused(
    run: Run, training_set: TrainingSet
) -> None:
    assert choose_mode(run, "retrain", training_set) == ("retrain", None, "as asked")
    mode, champion, why = choose_mode(run, "fine_tune", training_set)
    assert (mode, why) == ("fine_tune", "as asked")
    assert champion is not None
    with pytest.raises(ConfigurationError, match="sometimes"):
        choose_mode(run, "sometimes", training_set)
    # Before the first promotion there was no champion to tune.
    early = replace(run, session=date(2024, 6, 27))
    assert choose_mode(early, "auto", training_set)[0] == "retrain"
