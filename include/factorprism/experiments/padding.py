"""Experiment `padding`: does SAME padding beat VALID, as the original study claims?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from factorprism.evaluation.multiplicity import SIZE
from factorprism.evaluation.resampling import count_independent
from factorprism.experiments.comparison import (
    LEAST_WINDOWS,
    Contestant,
    ContestantResult,
    adjust_for_all,
    cut_folds,
    estimate_means,
    evaluate_contestants,
    skill_sentence,
    tabulate,
    time_rows,
)
from factorprism.experiments.conclusion import level_sentence
from factorprism.experiments.experiment import (
    Cell,
    Estimate,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    Tell,
)
from factorprism.experiments.history import History
from factorprism.experiments.pictures import draw_contestants, draw_differences
from factorprism.learning import TrainingSet, TrainingSettings
from factorprism.models import PADDINGS, build_network
from factorprism.targets import DIRECTION

N_SEEDS = 5


@dataclass(frozen=True)
class PaddingGain:
    """How much lower SAME's log loss is than VALID's, for each seed and in their mean.

    The intervals are over sessions. `p_value` is that of Student's paired test over the seeds,
    two-sided; NaN where all seeds differ alike.
    """

    network: str
    by_seed: Mapping[int, Estimate]
    mean: Estimate
    p_value: float
    windows: int

    def is_shown(self, level: float) -> bool:
        """Whether sessions and seeds both speak for one at `level`, over enough windows."""
        excluded = not self.mean.lower <= 0.0 <= self.mean.upper
        certain = excluded and self.windows >= LEAST_WINDOWS
        return certain and self.p_value < level


def compare_paddings(
    history: History, size: ExperimentSize, tell: Tell, n_seeds: int = N_SEEDS
) -> Result:
    """Train each network of `size` with both paddings over the seeds, on the same sessions.

    Its configuration must have a `padding`. Two tests must agree before a winner is named: over
    the sessions (block bootstrap of the seeds' mean) and over the seeds (paired t).
    """
    training_set = history.training_set(last_samples=size.last_samples)
    seeds = [size.settings.seed + number for number in range(n_seeds)]
    contestants = [
        Contestant(_name(*which), training_set, _settings(size, *which))
        for which in product(size.networks, PADDINGS, seeds)
    ]
    evaluated = evaluate_contestants(contestants, cut_folds(training_set, size), tell)
    seed = size.settings.seed
    adjusted = adjust_for_all(evaluated, training_set.horizon, seed)
    rows = tabulate(evaluated, training_set, adjusted, seed)
    gains = [
        compare_seeds(evaluated, network, seeds, training_set.horizon, len(size.networks))
        for network in size.networks
    ]
    return Result(
        tables=(
            ResultTable("", "Figures", rows),
            ResultTable(
                "pairs", "SAME against VALID, paired by seed and session", gain_rows(gains)
            ),
            ResultTable("times", "Wall times", time_rows(evaluated, "network"), of_times=True),
        ),
        verdict=" ".join(
            part
            for part in (
                padding_sentence(gains),
                skill_sentence(adjusted),
                level_sentence(rows, "network"),
            )
            if part
        ),
        remarks=(
            *(describe_maps(name, size.settings, training_set) for name in size.networks),
            "The intervals of single seeds hold for each alone, that of their mean for all "
            "networks at once.",
        ),
        figures={
            "": draw_contestants(rows, title="SAME and VALID padding over five seeds"),
            "pairs": draw_differences(
                {
                    f"{gain.network}, {name}": estimate
                    for gain in gains
                    for name, estimate in _lines(gain).items()
                },
                title="SAME against VALID",
                subtitle="on the same sessions, SAME ahead on the right; lines are 95% "
                "block-bootstrap intervals",
                decides=all(gain.windows >= LEAST_WINDOWS for gain in gains),
            ),
        },
    )


def compare_seeds(
    evaluated: Mapping[str, ContestantResult],
    network: str,
    seeds: Sequence[int],
    horizon: int,
    n_networks: int,
) -> PaddingGain:
    """Return SAME's gain over VALID for `network`; intervals of the mean hold for all networks."""
    losses = {
        (padding, seed): DIRECTION.compute_losses(one.labels, one.values)
        for padding, seed in product(PADDINGS, seeds)
        for one in [evaluated[_name(network, padding, seed)].held_out]
    }
    gains = np.column_stack([losses["valid", seed] - losses["same", seed] for seed in seeds])
    by_seed = estimate_means(gains, horizon, seeds[0])
    (mean,) = estimate_means(
        gains.mean(axis=1, keepdims=True), horizon, seeds[0], level=SIZE / n_networks
    )
    rows = evaluated[_name(network, "same", seeds[0])].held_out.rows
    return PaddingGain(
        network,
        dict(zip(seeds, by_seed, strict=True)),
        mean,
        compute_paired_p(gains.mean(axis=0)),
        count_independent(rows, horizon),
    )


def compute_paired_p(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return the two-sided p-value of Student's test that the mean of `differences` is zero."""
    from scipy.stats import t

    spread = float(differences.std(ddof=1))
    if spread <= 1e-12:
        return float("nan")
    statistic = float(differences.mean()) / (spread / math.sqrt(len(differences)))
    return float(2.0 * t.sf(abs(statistic), len(differences) - 1))


def gain_rows(gains: Sequence[PaddingGain]) -> tuple[Mapping[str, Cell], ...]:
    """Return one row a network: the mean difference, the seeds for SAME, the p-value over seeds."""
    return tuple(
        {
            "network": gain.network,
            "SAME's log loss lower by": gain.mean,
            "seeds for SAME": sum(one.value > 0.0 for one in gain.by_seed.values()),
            "seeds for VALID": sum(one.value < 0.0 for one in gain.by_seed.values()),
            "p over seeds": gain.p_value,
            **{f"seed {seed}": one for seed, one in gain.by_seed.items()},
        }
        for gain in gains
    )


def padding_sentence(gains: Sequence[PaddingGain]) -> str:
    """Say for which networks one padding beats the other, on sessions and seeds alike."""
    level = SIZE / len(gains)
    shown = [
        f"{'SAME beats VALID' if gain.mean.value > 0.0 else 'VALID beats SAME'} in {gain.network} "
        f"({gain.mean.value:+.4f} nats, p = {gain.p_value:.3f} over seeds)"
        for gain in gains
        if gain.is_shown(level)
    ]
    open_ = [gain.network for gain in gains if not gain.is_shown(level)]
    if open_:
        shown.append(f"no difference between SAME and VALID shown in {', '.join(open_)}")
    text = "; ".join(shown)
    return f"{text[0].upper()}{text[1:]}."


def describe_maps(network: str, settings: TrainingSettings, training_set: TrainingSet) -> str:
    """Say in which size the last map of `network` ends with either padding, and what collapses."""
    found = []
    for padding in PADDINGS:
        overrides = {**settings.network, "padding": padding}
        maps = list_maps(build_network(network, training_set.input_shape, **overrides))
        _, height, width = maps[-1]
        text = f"{padding.upper()} ends in a map of {height}x{width}"
        thin = next((name for name, _, factors in maps if factors == 1), None)
        found.append(f"{text}, one factor wide from {thin} on" if thin else text)
    return f"{network}: {'; '.join(found)}."


def list_maps(network: object) -> list[tuple[str, int, int]]:
    """Return name, sessions and factors of each map in a built network, in order."""
    maps = []
    for layer in network.layers:  # type: ignore[attr-defined]
        shape = layer.output.shape
        if len(shape) == 4:
            maps.append((str(layer.name), int(shape[1]), int(shape[2])))
    return maps


def _name(network: str, padding: str, seed: int) -> str:
    return f"{network} {padding.upper()}, seed {seed}"


def _settings(size: ExperimentSize, network: str, padding: str, seed: int) -> TrainingSettings:
    settings = size.settings_of(network)
    return replace(settings, seed=seed, network={**settings.network, "padding": padding})


def _lines(gain: PaddingGain) -> Mapping[str, Estimate]:
    seeds = {f"seed {seed}": one for seed, one in gain.by_seed.items()}
    return {**seeds, "mean of the seeds": gain.mean}


PADDING = Experiment(
    name="padding",
    question="Does SAME padding beat VALID, over five seeds?",
    quick=ExperimentSize(
        150,
        TrainingSettings(n_folds=1, fold_epochs=1),
        ("lenet5", "inception"),
        last_samples=1000,
        cut="one fold of 250 sessions on the latest 1,000 samples, one epoch, without googlenet",
    ),
    full=ExperimentSize(
        2700, TrainingSettings(n_folds=3, fold_epochs=8), ("lenet5", "inception", "googlenet")
    ),
    conduct=compare_paddings,
)
