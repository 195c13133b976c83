"""Trains the week's candidate, writes its bundle and the record of what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.errors import ArtefactError, LookAheadError
from factorprism.core.schemas import Evaluation, ModelRecord
from factorprism.core.universe import Universe
from factorprism.core.words import count
from factorprism.images import hash_image_set
from factorprism.models import ModelBundle, hash_manifest, load_bundle, save_bundle
from factorprism.models.backend import name_device
from factorprism.training.dataset import TrainingSet
from factorprism.training.fine_tuning import draw_replay
from factorprism.training.metrics import HeldOut, pool_held_out
from factorprism.training.recipe import Trained, train_split
from factorprism.training.settings import TrainingSettings
from factorprism.training.skill import evaluate
from factorprism.training.splits import Split, split_samples
from factorprism.training.witnesses import train_witnesses

MODES = ("retrain", "fine_tune")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """A trained model: its record, the folder of its bundle, its figures and its epochs."""

    record: ModelRecord
    bundle: Path
    evaluations: tuple[Evaluation, ...] = field(repr=False)
    history: tuple[dict[str, float], ...] = field(repr=False)


def train_candidate(
    training_set: TrainingSet,
    settings: TrainingSettings,
    folder: Path,
    *,
    universe: Universe,
    mode: str,
    initial: Path | None,
    data_hash: str,
    progress: Progress,
    initial_hash: str = "",
    judged_folds: HeldOut | None = None,
) -> Candidate:
    """Train a candidate as of ``training_set.as_of`` and write its bundle under `folder`.

    The last ``settings.holdout_sessions`` samples are kept from training to judge it on. With
    `mode` ``retrain`` they are pooled with `judged_folds`, what the same recipe has shown in the
    contest on earlier folds. With ``fine_tune`` the start is the bundle in `initial`; its weights
    know the earlier folds, so that only the holdout can judge it.
    `initial_hash` is the manifest hash that the registry's record holds for `initial`.

    Raises
    ------
    ConfigurationError
        If the history is too short, or the threads were fixed to another number.
    ArtefactError
        If `initial` is altered or reads other images than `training_set` has.
    LookAheadError
        If `initial` has read all the sessions that the candidate would be judged on.
    """
    if mode not in MODES:
        raise ValueError(f"mode: {mode!r}, allowed are {', '.join(MODES)}")
    if (initial is not None) != (mode == "fine_tune"):
        raise ValueError(f"initial: {initial}, needed for fine_tune and for nothing else")
    split = split_samples(
        training_set.samples, training_set.horizon, settings.sizes(settings.holdout_sessions)
    )
    start = None
    judged: list[HeldOut] = []
    if initial is not None:
        start = _load_start(initial, initial_hash, training_set)
        split = _fine_tune_split(split, training_set, start, settings)
    elif judged_folds is not None:
        judged = [judged_folds.before(int(split.judged[0]))]
    trained = train_split(training_set, split, settings, start=start)
    judged.append(trained.judge_rows(training_set, split.judged))
    progress(
        f"{mode}: {count(len(split.train), 'image')}, {count(len(trained.fit.history), 'epoch')}, "
        f"{trained.fit.seconds:.0f} s"
    )
    witnesses = train_witnesses(training_set, split, settings, start, initial)
    if witnesses:
        progress(f"witnesses of other seeds: {len(witnesses)}")
    spec = _describe(training_set, split, trained, settings, start)
    spec |= {"universe": universe.name, "data_hash": data_hash, "mode": mode}
    manifest_hash = save_bundle(
        folder / "bundle",
        network=trained.network,
        normaliser=trained.normaliser,
        calibration=trained.calibration,
        spec=spec,
        witnesses=witnesses,
    )
    # Where it was computed is told of the model, and is no part of the content that names it.
    record = make_record(spec | {"device": name_device()}, manifest_hash)
    evaluations = evaluate(
        pool_held_out(judged),
        training_set,
        model_id=record.model_id,
        kind="walk_forward",
        seed=settings.seed,
    )
    return Candidate(record, folder / "bundle", evaluations, trained.fit.history)


def _load_start(folder: Path, expected_hash: str, training_set: TrainingSet) -> ModelBundle:
    start = load_bundle(folder, expected_hash or hash_manifest(folder))
    image_set = training_set.image_set
    found = {
        "input_shape": list(training_set.input_shape),
        "factors": list(image_set.factors),
        "channels": list(image_set.channels),
        "horizon": training_set.horizon,
    }
    for name, value in found.items():
        if start.spec.get(name) != value:
            raise ArtefactError(
                f"model {start.model_id} has {name} {start.spec.get(name)}, the data have {value}",
                remedy="Train from scratch: factorprism train --mode retrain.",
            )
    return start


def _fine_tune_split(
    split: Split, training_set: TrainingSet, start: ModelBundle, settings: TrainingSettings
) -> Split:
    """Show the sessions since the start's last training session, and a draw of older ones.

    The draw keeps the network from forgetting; judged sessions must be new to the start as well.
    """
    sessions = training_set.image_set.sessions
    known = np.datetime64(str(start.spec["trained_through"]), "D")
    judged = split.judged[sessions[split.judged] > known]
    if not len(judged):
        raise LookAheadError(
            f"model {start.model_id} was trained on data through {known}, and no matured session "
            "after that is left to judge on",
            remedy="Train from scratch, or wait for more sessions.",
        )
    seen = sessions[split.train] <= np.datetime64(str(start.spec["last_training_session"]), "D")
    shown = draw_replay(split.train, int(seen.sum()), settings)
    return replace(split, train=shown, judged=judged)


def _describe(
    training_set: TrainingSet,
    split: Split,
    trained: Trained,
    settings: TrainingSettings,
    start: ModelBundle | None,
) -> dict[str, Any]:
    """Return the spec of the trained model, but for what the caller alone knows."""
    image_set = training_set.image_set
    through = training_set.session_at(int(split.learned.max()) + training_set.horizon)
    if start is not None:
        through = max(through, date.fromisoformat(str(start.spec["trained_through"])))
    first = int(split.train.min()) - image_set.lookback + 1
    return {
        "architecture": start.spec["architecture"] if start else settings.architecture,
        "input_shape": list(training_set.input_shape),
        "channels": list(image_set.channels),
        "factors": list(image_set.factors),
        "horizon": training_set.horizon,
        "image_set_hash": hash_image_set(image_set),
        "as_of": training_set.as_of.isoformat(),
        "trained_from": training_set.session_at(first).isoformat(),
        "last_training_session": training_set.session_at(int(split.train.max())).isoformat(),
        "trained_through": through.isoformat(),
        "n_samples": len(split.train),
        "base_rate": trained.base_rate,
        "return_scale": asdict(trained.return_scale),
        "parent_id": start.model_id if start else "",
        "threads": settings.threads,
        "settings": {
            **asdict(settings),
            "network": dict(settings.network),
            "frozen_layers": list(settings.frozen_layers),
        },
    }


def make_record(spec: Mapping[str, Any], manifest_hash: str) -> ModelRecord:
    """Return the record of the bundle whose spec and manifest hash these are."""
    return ModelRecord(
        model_id=f"{spec['architecture']}-{manifest_hash[:12]}",
        architecture=spec["architecture"],
        universe=spec["universe"],
        horizon=spec["horizon"],
        lookback=spec["input_shape"][0],
        channels=tuple(spec["channels"]),
        factors=tuple(spec["factors"]),
        trained_from=date.fromisoformat(spec["trained_from"]),
        trained_through=date.fromisoformat(spec["trained_through"]),
        n_samples=spec["n_samples"],
        base_rate=spec["base_rate"],
        data_hash=spec["data_hash"],
        artefact_hash=manifest_hash,
        mode=spec["mode"],
        parent_id=spec["parent_id"],
        spec=spec,
    )
