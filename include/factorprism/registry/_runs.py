"""What one training leaves in MLflow: parameters, figures with their intervals, and the curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from factorprism.core.models import Evaluation, ModelRecord

MAX_PARAMETER = 500  # characters; longer values stand in the bundle's own specification


def to_parameters(record: ModelRecord) -> dict[str, str]:
    """Return the parameters of `record`, and of its specification those that are plain values."""
    parameters: dict[str, object] = {
        "architecture": record.architecture,
        "universe": record.universe,
        "horizon": record.horizon,
        "lookback": record.lookback,
        "channels": ", ".join(record.channels),
        "factors": ", ".join(record.factors),
        "trained_from": record.trained_from,
        "trained_through": record.trained_through,
        "n_samples": record.n_samples,
        **record.bases,
        "data_hash": record.data_hash,
        "artefact_hash": record.artefact_hash,
        "mode": record.mode,
        "parent_id": record.parent_id,
    }
    plain = {
        f"spec.{name}": value
        for name, value in record.spec.items()
        if isinstance(value, str | int | float) and name not in parameters
    }
    return {name: str(value)[:MAX_PARAMETER] for name, value in (parameters | plain).items()}


def to_metrics(
    evaluations: Sequence[Evaluation], history: Sequence[Mapping[str, float]]
) -> Iterator[tuple[str, float, int]]:
    """Yield (name, value, step): evaluations at step 0, the history's row i at step i.

    Values that are no number are left out; MLflow would draw them as zero.
    """
    for evaluation in evaluations:
        for part in ("value", "lower", "upper", "reference"):
            suffix = "" if part == "value" else f".{part}"
            name = f"{evaluation.kind}.{evaluation.metric}{suffix}"
            yield from _finite(name, getattr(evaluation, part), 0)
    for step, row in enumerate(history):
        for name, value in row.items():
            yield from _finite(f"history.{name}", value, step)


def _finite(name: str, value: float, step: int) -> Iterator[tuple[str, float, int]]:
    if math.isfinite(value):
        yield name, float(value), step
