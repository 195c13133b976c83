"""Says why a forecast came out as it did, and withholds it where its image is like none before.

No forecast is issued without its explanation: whatever keeps this step from its work is a reason
to withhold, in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.contest import Explanation
from factorprism.core.errors import QualityError
from factorprism.core.models import ModelRecord
from factorprism.core.words import count
from factorprism.forecasts import ImageWindow
from factorprism.forecasts.explain import (
    DECIMALS,
    Attribution,
    NearestNeighbours,
    Shares,
    build_neighbour_index,
    compute_agreement,
    compute_attribution,
    compute_shapley,
    compute_surrogate,
    embed_windows,
)
from factorprism.learning import TrainingSet, split_samples
from factorprism.learning.baselines import BaselineForecaster
from factorprism.learning.settings import read_settings
from factorprism.models import ModelBundle, load_members
from factorprism.pipelines._forecast_rows import from_json
from factorprism.pipelines._image_sets import image_set_path
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines._windows import load_window
from factorprism.pipelines.champions import load_verified
from factorprism.pipelines.history import align_history, fetch_image_set, join_closes

NEIGHBOURS = 5


def explain(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Keep the explanation of the forecast in `context`, and refuse an image like none before.

    The explanation is kept of a refused image too: it shows how far the nearest past image is.
    """
    row = from_json(context["forecast"])
    record, bundle = load_verified(run, row.model_id)
    window = load_window(run)
    if window.factor_hash != row.factor_hash:
        raise QualityError(
            f"the factors of {run.session} changed between two steps of this run",
            remedy="Run this session again.",
        )
    training_set = load_training_data(run, record)
    nearest_neighbours = _find_nearest_neighbours(run, record, bundle, training_set, window)
    members = load_members(run.ports.registry.fetch_bundle(row.model_id), bundle)
    seed = read_settings(record.spec).seed
    readings = [_read(held, window, seed) for held in (bundle, *members)]
    attribution, shapley, surrogate = readings[0]
    stability = _compare(readings, seed)
    baselines = _explain_baselines(record, training_set, window)
    run.ports.warehouse.explanations.save_explanation(
        Explanation(
            signal=row.signal,
            session=row.session,
            model_id=row.model_id,
            attribution=attribution.to_dict(),
            shapley=shapley.to_dict(),
            surrogate=surrogate.to_dict(),
            baselines=baselines,
            stability=stability,
            nearest_neighbours=nearest_neighbours.to_dict(),
        )
    )
    _refuse_novel(run, record, nearest_neighbours)
    run.tell(
        f"explanation: nearest past image {nearest_neighbours.distance:.2f} of "
        f"{nearest_neighbours.threshold:.2f} "
        f"allowed, {count(len(members), 'ensemble member')} beside it"
    )
    return {}


def load_training_data(run: Run, record: ModelRecord) -> TrainingSet:
    """Return the images of `record`'s own image set with the target's closes, as of its training.

    The images are the very ones that the model was trained from, or for a model whose record does
    not name them those that follow from the factors now held. The closes are those now held.
    Raises `ArtefactError` when the stored images are gone or altered.
    """
    as_of: date = date.fromisoformat(str(record.spec["as_of"]))
    then, content = replace(run, session=as_of), str(record.spec.get("image_set_hash", ""))
    image_set = (
        fetch_image_set(run, image_set_path(content), content) if content else align_history(then)
    )
    return join_closes(then, image_set)[0]


def _find_nearest_neighbours(
    run: Run,
    record: ModelRecord,
    bundle: ModelBundle,
    training_set: TrainingSet,
    window: ImageWindow,
) -> NearestNeighbours:
    """Compare with the images that the model has learned from: those matured when its data end."""
    index = build_neighbour_index(
        training_set.image_set,
        training_set.closes,
        record.horizon,
        record.trained_through,
        embed_windows(bundle),
        quantile=run.config.novelty_quantile,
    )
    return index.find(window, NEIGHBOURS)


def _refuse_novel(run: Run, record: ModelRecord, nearest_neighbours: NearestNeighbours) -> None:
    if not nearest_neighbours.novel:
        return
    nearest = nearest_neighbours.neighbours[0]
    raise QualityError(
        f"the image of {run.session} is unlike any that {record.model_id} has learned from: the "
        f"nearest, of {nearest.session}, lies {nearest_neighbours.distance:.2f} away, the limit is "
        f"{nearest_neighbours.threshold:.2f}",
        remedy=f"See why: factorprism explain --signal {run.signal.name} --session {run.session}. "
        "A model that has learned from such images may forecast them.",
    )


Reading = tuple[Attribution, Shares, Shares]


def _read(bundle: ModelBundle, window: ImageWindow, seed: int) -> Reading:
    return (
        compute_attribution(bundle, window),
        compute_shapley(bundle, window, seed=seed),
        compute_surrogate(bundle, window, seed=seed),
    )


def _compare(readings: Sequence[Reading], seed: int) -> dict[str, Any]:
    """Return how far networks of other seeds agree on each kind, and the output of each.

    Without other members nothing is compared, and the reason stands in place of the figures.
    """
    seeds = [seed + number for number in range(len(readings))]
    outputs = [attribution.output for attribution, _, _ in readings]
    if len(readings) < 2:
        why = "the model has no ensemble members of other seeds"
        return {"seeds": seeds, "outputs": outputs, "agreement": {}, "absent": why}
    arrays = [_by_kind(reading) for reading in readings]
    agreement = {
        kind: round(compute_agreement([named[kind] for named in arrays]), DECIMALS)
        for kind, first in arrays[0].items()
        if first.size > 1  # one part has no order
    }
    return {"seeds": seeds, "outputs": outputs, "agreement": agreement}


def _by_kind(reading: Reading) -> dict[str, npt.NDArray[np.float64]]:
    attribution, shapley, surrogate = reading
    named = {kind: attribution.select(kind) for kind in attribution.kinds}
    return {**named, shapley.method: shapley.values, surrogate.method: surrogate.values}


def _explain_baselines(
    record: ModelRecord, training_set: TrainingSet, window: ImageWindow
) -> dict[str, Any]:
    """Fit the baselines on the split that the model was evaluated by, and explain the day's scores.

    Fitting takes a second each and gives the same baselines every time, so that none are stored.
    They learn from no session after the model's own.
    """
    settings, target = read_settings(record.spec), training_set.target
    sizes = settings.sizes(settings.holdout_sessions)
    split = split_samples(training_set.samples, training_set.horizon, sizes)
    explained: dict[str, Any] = {}
    for name in (one.name for one in target.baselines if one.explained):
        fitted = BaselineForecaster(name, settings.seed).fit(training_set, split)
        reasons = fitted.explain(window.values)
        if reasons is None:
            continue
        outputs = np.array([[reasons.score]])
        values = target.compute_values(outputs, fitted.calibration, fitted.bases, {})
        explained[name] = {
            target.ranked: round(float(values[target.ranked][0]), DECIMALS),
            "score": round(reasons.score, DECIMALS),
            "expected": round(reasons.expected, DECIMALS),
            **{part: round(value, DECIMALS) for part, value in fitted.calibration.items()},
            "factors": list(window.factors),
            "channels": list(window.channels),
            "values": (np.round(reasons.by_cell, DECIMALS) + 0.0).tolist(),
        }
    return explained
