"""A target goes through training, contest and promotion by what it says of itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from factorprism.core.contest import ContestReport
from factorprism.core.errors import ConfigurationError
from factorprism.evaluation import evaluate_candidate, find_skill, skill_sentence
from factorprism.evaluation.matured import find_estimate, measure_matured_loss
from factorprism.forecasts import encode_window
from factorprism.forecasts.predict import compute_issue
from factorprism.learning import Candidate, TrainingSet, TrainingSettings, build_training_set
from factorprism.learning.recipe import forecast_rows
from factorprism.models import load_bundle
from factorprism.reports import render_contest, render_gains
from factorprism.selection import PromotionRule, decide_promotion
from factorprism.selection.contest import (
    SHUFFLES,
    Task,
    choose_entrants,
    list_tasks,
    pool_folds,
    tabulate,
)
from factorprism.selection.pairing import forecast_matured
from factorprism.targets import TARGETS, find_target, target_of
from factorprism.targets.target import (
    FORWARD_RETURN,
    LABEL,
    Baseline,
    Column,
    Columns,
    Figures,
    Folds,
    Known,
    LabelScale,
    NetworkHead,
    Numbers,
    Outputs,
    Rows,
    Score,
    Target,
    TargetWords,
    Weights,
    compute_forward_returns,
)
from factorprism.targets.volatility import VOLATILITY
from factorprism.targets.weighted import average, compute_rank_correlation
from quiet_training import train_quietly

pytestmark = pytest.mark.slow  # trains


def say_nothing(known: Known, training_rows: Rows) -> Score:
    return lambda _, rows: np.zeros((len(rows), 2))


class Drift(Target):
    """The forward return itself, by its mean: a toy that no file of the house knows."""

    name = "drift"
    head = NetworkHead(2, "gaussian_nll")
    values = ("expected", "usual")
    ranked = "expected"
    headline = "expected"
    loss = "squared_error"
    metrics = ("squared_error", "squared_error_gain", "drift_skill", "drift_order")
    decisive = "drift_skill"
    order = "drift_order"
    order_of_nothing = 0.0
    baselines = (Baseline("mean", say_nothing), Baseline("ridge"))
    sections = ()
    words = TargetWords(
        headline="return",
        claim="is the expected return of %(symbol)s from %(session)s to %(end)s.",
        basis="mean of the training data",
        score="squared error",
        loss="squared error",
        unit="per cent",
        decisive="R2",
        order="rank correlation",
        reference="mean",
        forecasts="returns",
        output="standardised return",
        scale="In standard deviations.",
    )
    identity = {"centre": 0.0, "spread": 1.0}  # noqa: RUF012

    def compute_outcomes(self, closes: Column, horizon: int) -> Columns:
        returns = 100.0 * compute_forward_returns(closes, horizon)
        return {LABEL: returns, FORWARD_RETURN: returns / 100.0}

    def scale_labels(self, labels: Column) -> LabelScale:
        return LabelScale(float(labels.mean()), float(labels.std()))

    def scale_of(self, calibration: Numbers) -> LabelScale:
        return LabelScale(calibration["centre"], calibration["spread"])

    def fit_bases(self, known: Known, training_rows: Rows) -> Numbers:
        return {"usual": float(known.labels[training_rows].mean())}

    def compute_reference(self, bases: Numbers, known: Known, rows: Rows) -> Columns:
        return {"expected": np.full(len(rows), bases["usual"])}

    def fit_calibration(
        self,
        outputs: Outputs,
        labels: Column,
        reference: Columns,
        bases: Numbers,
        scale: LabelScale,
        horizon: int,
    ) -> Numbers:
        if np.ptp(outputs[:, 0]) == 0.0:
            return {"centre": bases["usual"], "spread": 0.0}
        return {"centre": scale.centre, "spread": scale.spread}

    def compute_values(
        self, outputs: Outputs, calibration: Numbers, bases: Numbers, reference: Columns
    ) -> Columns:
        return {"expected": calibration["centre"] + calibration["spread"] * outputs[:, 0]}

    def issue(self, values: Columns, reference: Columns) -> Columns:
        return {"expected": values["expected"], "usual": reference["expected"]}

    def recall(self, issued: Columns) -> tuple[Columns, Columns]:
        return {"expected": issued["expected"]}, {"expected": issued["usual"]}

    def observe(self, labels: Column) -> Column:
        return labels

    def compute_scores(self, labels: Column, values: Columns) -> Column:
        return self.compute_losses(labels, values)

    def compute_losses(self, labels: Column, values: Columns) -> Column:
        return (labels - values["expected"]) ** 2

    def compute_metrics(
        self,
        outcomes: Columns,
        values: Columns,
        reference: Columns,
        folds: Folds,
        weights: Weights,
    ) -> Figures:
        labels = outcomes[LABEL]
        loss, base = (
            average(self.compute_losses(labels, one), weights) for one in (values, reference)
        )
        order = self.compute_order(labels, values, folds, weights)
        return np.column_stack([loss, base - loss, 1.0 - loss / base, order])

    def compute_order(
        self, labels: Column, values: Columns, folds: Folds, weights: Weights
    ) -> Column:
        return compute_rank_correlation(values["expected"], labels, folds, weights)

    def compute_miscalibration(self, labels: Column, values: Columns) -> float:
        return float((labels - values["expected"]).mean() ** 2)


TOY = Drift()
SETTINGS = TrainingSettings(
    architecture="mlp_tiny",
    seed=3,
    threads=1,
    epochs=3,
    holdout_sessions=80,
    validation_sessions=80,
    calibration_sessions=80,
    least_training_sessions=100,
    fold_sessions=120,
    fold_epochs=2,
    stride=1,
    batch_size=32,
    learning_rate=1e-2,
    members=1,
)


@pytest.fixture(scope="module", params=[VOLATILITY, TOY], ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TARGETS, request.param.name, request.param)
        yield request.param


@pytest.fixture(scope="module")
def market(target: Target, make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    plain = make_training_set(900, strength=1.5)
    return build_training_set(plain.image_set, plain.closes, target, plain.horizon, plain.as_of)


@pytest.fixture(scope="module")
def early(market: TrainingSet) -> TrainingSet:
    """What was known two hundred sessions before."""
    images, end = market.image_set, len(market.closes) - 200
    shown = replace(images, sessions=images.sessions[:end], cube=images.cube[:end])
    as_of = market.session_at(end - 1)
    return build_training_set(shown, market.closes[:end], market.target, market.horizon, as_of)


@pytest.fixture(scope="module")
def models(early: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    return [
        train_quietly(
            early,
            replace(SETTINGS, seed=seed),
            tmp_path_factory.mktemp("model"),
            signal=f"hs300-{early.target.name}-3",
        )
        for seed in (3, 4)
    ]


@pytest.fixture(scope="module")
def tasks(market: TrainingSet) -> list[Task]:
    target = market.target
    entrants = choose_entrants(("mlp_tiny",), SETTINGS, target)
    listed = list_tasks(market, entrants, 2, SHUFFLES, f"hs300-{target.name}-3")
    # The network's placebos cost a training each and try nothing that the ridge's do not.
    return [task for task in listed if not (task.placebo and task.entrant.is_network)]


def test_its_model_says_what_it_was_asked_and_forecasts(
    models: list[Candidate], market: TrainingSet
) -> None:
    target, model = market.target, models[0]
    bundle = load_bundle(model.bundle, model.record.artefact_hash)
    assert target_of(bundle.spec) is target
    assert len(list(model.bundle.glob("member_*.keras"))) == 1
    held_out = forecast_matured(bundle, market, market.rows_after(model.record.trained_through))
    assert len(held_out) > 200
    issued = target.issue(held_out.values, held_out.reference)
    assert tuple(issued) == target.values
    assert all(np.isfinite(column).all() for column in issued.values())
    evaluations = evaluate_candidate(model, market, seed=0)
    assert {item.metric for item in evaluations} == {*target.metrics, "independent_windows"}
    assert find_skill(evaluations, target) is not None
    assert target.words.reference in skill_sentence(evaluations, target)
    found = measure_matured_loss(
        held_out, find_estimate(evaluations, target), target, horizon=market.horizon, seed=0
    )
    assert found.measured
    assert found.fall is not None
    assert target.words.loss in found.sentence


def test_an_evening_issues_what_the_same_image_got_out_of_sample(
    models: list[Candidate], market: TrainingSet
) -> None:
    target, model = market.target, models[0]
    bundle = load_bundle(model.bundle, model.record.artefact_hash)
    row = int(market.samples[-1])
    held_out = forecast_rows(bundle, market, np.array([row]))
    window = encode_window(market.image_set, market.session_at(row))
    issued = compute_issue(window, bundle, market.closes[: row + 1])
    expected = target.issue(held_out.values, held_out.reference)
    assert issued == {name: float(column[0]) for name, column in expected.items()}


def test_what_a_promotion_compares_is_what_would_have_been_issued(
    models: list[Candidate], market: TrainingSet
) -> None:
    target, model = market.target, models[0]
    bundle = load_bundle(model.bundle, model.record.artefact_hash)
    rows = market.rows_after(model.record.trained_through)
    compared, own = (
        target.compute_losses(one.labels, one.values)
        for one in (forecast_matured(bundle, market, rows), forecast_rows(bundle, market, rows))
    )
    np.testing.assert_array_equal(compared, own)


def test_a_fine_tuning_goes_on_on_the_scale_of_its_start(
    models: list[Candidate], market: TrainingSet, tmp_path: Path
) -> None:
    target, start = market.target, models[0]
    tuned = train_quietly(
        market,
        SETTINGS,
        tmp_path,
        mode="fine_tune",
        initial=start.bundle,
        initial_hash=start.record.artefact_hash,
    )
    old, new = (
        load_bundle(one.bundle, one.record.artefact_hash).calibration for one in (start, tuned)
    )
    assert target.scale_of(new) == target.scale_of(old)


def test_its_contest_is_drawn_and_its_placebos_order_nothing(
    tasks: list[Task], market: TrainingSet, tmp_path: Path
) -> None:
    target = market.target
    folds = [task.evaluate() for task in tasks]
    table = tabulate(folds, market, n_tried=5, seed=1)
    names = [line.entrant for line in table.lines]
    assert names == [*(one.name for one in target.baselines), "mlp_tiny"]
    reference = table.lines[0].figures
    assert reference[target.gain][0] == pytest.approx(0.0, abs=1e-9)
    assert reference[target.decisive][0] == pytest.approx(0.0, abs=1e-9)
    assert table.leaks == ()
    assert {line.placebo for line in table.placebos} == set(SHUFFLES)
    assert target.reference not in {line.entrant for line in table.placebos}
    assert target.words.unit in table.sentence or target.words.reference in table.sentence
    own = [fold for fold in folds if fold.entrant == "mlp_tiny" and not fold.placebo]
    pooled = pool_folds(own, market)
    assert len(np.unique(pooled.folds)) == table.n_folds == 2
    report = ContestReport(
        f"hs300-{target.name}-3", market.as_of, "", table.sentence, table.to_dict()
    )
    assert render_gains(report, target, tmp_path / "gains.png").read_bytes()[:4] == b"\x89PNG"
    page = render_contest(report)
    assert table.sentence in page
    assert all(f"| {name} " in page for name in names[1:])


def test_its_promotion_compares_its_own_loss(models: list[Candidate], market: TrainingSet) -> None:
    target = market.target
    champion, candidate = (
        (load_bundle(one.bundle, one.record.artefact_hash), one.record) for one in models
    )
    decision = decide_promotion(*champion, *candidate, market, PromotionRule(margin=0.0), seed=0)
    numbers = decision.numbers
    assert numbers["gain"] == pytest.approx(
        numbers[f"{target.loss}_champion"] - numbers[f"{target.loss}_candidate"]
    )
    assert f"{target.loss}_{target.reference}" in numbers
    assert f"the candidate's {target.words.loss} is" in decision.reason
    first = decide_promotion(None, None, *candidate, market, PromotionRule(), seed=0)
    assert first.promoted
    assert target.words.decisive in first.reason


def test_a_target_that_nobody_knows_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="no target is called 'luck'") as caught:
        find_target("luck")
    assert "direction, volatility" in caught.value.remedy
