"""Trains the week's candidate, writes its bundle and the record of what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from factorprism.core.errors import ArtefactError, LookAheadError
from factorprism.core.models import ModelRecord
from factorprism.core.words import count
from factorprism.images import hash_image_set
from factorprism.learning.fine_tuning import draw_replay
from factorprism.learning.members import train_members
from factorprism.learning.recipe import Trained, train_split
from factorprism.learning.samples import HeldOut, TrainingSet, pool_held_out
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import Split, split_samples
from factorprism.models import ModelBundle, hash_manifest, load_bundle, save_bundle
from factorprism.models.backend import name_device
from factorprism.targets import target_of

MODES = ("retrain", "fine_tune")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """A trained model: its record, the folder of its bundle and its epochs.

    `held_out` is what it forecast out of sample, oldest first.
    """

    record: ModelRecord
    bundle: Path
    held_out: HeldOut = field(repr=False)
    history: tuple[dict[str, float], ...] = field(repr=False)


def train_candidate(
    training_set: TrainingSet,
    settings: TrainingSettings,
    folder: Path,
    *,
    signal: str,
    universe: str,
    mode: str,
    initial: Path | None,
    data_hash: str,
    progress: Progress,
    initial_hash: str = "",
    out_of_sample_folds: HeldOut | None = None,
) -> Candidate:
    """Train a candidate as of ``training_set.as_of`` and write its bundle under `folder`.

    The last ``settings.holdout_sessions`` samples are kept out of the training. With `mode`
    ``retrain`` its forecasts of them are pooled with `out_of_sample_folds`, what the same recipe
    has shown in the contest on earlier folds. With ``fine_tune`` the start is the bundle in
    `initial`; its weights know the earlier folds, so that only the holdout is out of sample.
    `initial_hash` is the manifest hash that the registry's record holds for `initial`. `signal` and
    `universe` are names for the record.

    Raises
    ------
    ConfigurationError
        If the history is too short, or the threads were fixed to another number.
    ArtefactError
        If `initial` is altered, reads other images than `training_set` has, or was asked
        something else.
    LookAheadError
        If `initial` has read all the sessions that the candidate would be evaluated on.
    """
    if mode not in MODES:
        raise ValueError(f"mode: {mode!r}, allowed are {', '.join(MODES)}")
    if (initial is not None) != (mode == "fine_tune"):
        raise ValueError(f"initial: {initial}, needed for fine_tune and for nothing else")
    split = split_samples(
        training_set.samples, training_set.horizon, settings.sizes(settings.holdout_sessions)
    )
    start = None
    out_of_sample: list[HeldOut] = []
    if initial is not None:
        start = _load_start(initial, initial_hash, training_set)
        split = _fine_tune_split(split, training_set, start, settings)
    elif out_of_sample_folds is not None:
        out_of_sample = [out_of_sample_folds.before(int(split.out_of_sample[0]))]
    trained = train_split(training_set, split, settings, start=start)
    out_of_sample.append(trained.forecast_rows(training_set, split.out_of_sample))
    progress(
        f"{mode}: {count(len(split.train), 'image')}, {count(len(trained.fit.history), 'epoch')}, "
        f"{trained.fit.seconds:.0f} s"
    )
    members = train_members(training_set, split, settings, start, initial)
    if members:
        progress(f"ensemble members of other seeds: {len(members)}")
    spec = _describe(training_set, split, trained, settings, start)
    spec |= {"signal": signal, "universe": universe, "data_hash": data_hash, "mode": mode}
    manifest_hash = save_bundle(
        folder / "bundle",
        network=trained.network,
        normaliser=trained.normaliser,
        calibration=trained.calibration,
        spec=spec,
        members=members,
    )
    # Where it was computed is noted of the model, and is no part of the content that names it.
    record = make_record(spec | {"device": name_device()}, manifest_hash)
    return Candidate(record, folder / "bundle", pool_held_out(out_of_sample), trained.fit.history)


def _load_start(folder: Path, expected_hash: str, training_set: TrainingSet) -> ModelBundle:
    start = load_bundle(folder, expected_hash or hash_manifest(folder))
    image_set = training_set.image_set
    held = {**start.spec, "target": target_of(start.spec).name}
    found = {
        "target": training_set.target.name,
        "input_shape": list(training_set.input_shape),
        "factors": list(image_set.factors),
        "channels": list(image_set.channels),
        "horizon": training_set.horizon,
    }
    for name, value in found.items():
        if held.get(name) != value:
            raise ArtefactError(
                f"model {start.model_id} has {name} {held.get(name)}, the data have {value}",
                remedy="Train from scratch: factorprism train --mode retrain.",
            )
    return start


def _fine_tune_split(
    split: Split, training_set: TrainingSet, start: ModelBundle, settings: TrainingSettings
) -> Split:
    """Show the sessions since the start's last training session, and a draw of older ones.

    The draw keeps the network from forgetting; out-of-sample sessions must be new to the start as
    well.
    """
    sessions = training_set.image_set.sessions
    known = np.datetime64(str(start.spec["trained_through"]), "D")
    out_of_sample = split.out_of_sample[sessions[split.out_of_sample] > known]
    if not len(out_of_sample):
        raise LookAheadError(
            f"model {start.model_id} was trained on data through {known}, and no matured session "
            "after that is left to evaluate on",
            remedy="Train from scratch, or wait for more sessions.",
        )
    seen = sessions[split.train] <= np.datetime64(str(start.spec["last_training_session"]), "D")
    shown = draw_replay(split.train, int(seen.sum()), settings)
    return replace(split, train=shown, out_of_sample=out_of_sample)


def _describe(
    training_set: TrainingSet,
    split: Split,
    trained: Trained,
    settings: TrainingSettings,
    start: ModelBundle | None,
) -> dict[str, Any]:
    """Return the spec of the trained model, but for what the caller alone knows."""
    image_set = training_set.image_set
    through = training_set.session_at(int(split.training_rows.max()) + training_set.horizon)
    if start is not None:
        through = max(through, date.fromisoformat(str(start.spec["trained_through"])))
    first = int(split.train.min()) - image_set.lookback + 1
    return {
        "architecture": start.spec["architecture"] if start else settings.architecture,
        "input_shape": list(training_set.input_shape),
        "channels": list(image_set.channels),
        "factors": list(image_set.factors),
        "target": training_set.target.name,
        "horizon": training_set.horizon,
        "image_set_hash": hash_image_set(image_set),
        "as_of": training_set.as_of.isoformat(),
        "trained_from": training_set.session_at(first).isoformat(),
        "last_training_session": training_set.session_at(int(split.train.max())).isoformat(),
        "trained_through": through.isoformat(),
        "n_samples": len(split.train),
        "bases": dict(trained.bases),
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
        signal=spec["signal"],
        target=spec["target"],
        universe=spec["universe"],
        horizon=spec["horizon"],
        lookback=spec["input_shape"][0],
        channels=tuple(spec["channels"]),
        factors=tuple(spec["factors"]),
        trained_from=date.fromisoformat(spec["trained_from"]),
        trained_through=date.fromisoformat(spec["trained_through"]),
        n_samples=spec["n_samples"],
        bases=spec["bases"],
        data_hash=spec["data_hash"],
        artefact_hash=manifest_hash,
        mode=spec["mode"],
        parent_id=spec["parent_id"],
        spec=spec,
    )
