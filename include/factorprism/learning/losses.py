"""The losses of the heads, by the name that a target gives: what a training minimises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from factorprism.models.backend import load_keras
from factorprism.targets.target import LOG_VARIANCE_LIMIT


@dataclass(frozen=True)
class HeadLoss:
    """Makes a Keras loss (of labels smoothed by a share) and the metric of the plain labels."""

    loss: Callable[[float], Any]
    metric: Callable[[str], Any]


def _cross_entropy(label_smoothing: float) -> Any:
    return load_keras().losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)


def _log_loss(name: str) -> Any:
    return load_keras().metrics.BinaryCrossentropy(from_logits=True, name=name)


def gaussian_nll(y_true: Any, y_pred: Any) -> Any:
    """Return the negative log likelihood of `y_true` [n, 1], less a constant, [n].

    `y_pred` [n, 2] holds mean and log variance of a normal distribution (Nix and Weigend 1994).
    """
    ops = load_keras().ops
    mean, log_variance = y_pred[:, 0], ops.clip(y_pred[:, 1], *LOG_VARIANCE_LIMIT)
    error = ops.cast(y_true[:, 0], mean.dtype) - mean
    return 0.5 * (log_variance + error * error * ops.exp(-log_variance))


def _gaussian_loss(label_smoothing: float) -> Any:
    del label_smoothing  # it speaks of classes
    return gaussian_nll


def _gaussian_metric(name: str) -> Any:
    return load_keras().metrics.MeanMetricWrapper(gaussian_nll, name=name)


HEAD_LOSSES: Mapping[str, HeadLoss] = MappingProxyType(
    {
        "log_loss": HeadLoss(_cross_entropy, _log_loss),
        "gaussian_nll": HeadLoss(_gaussian_loss, _gaussian_metric),
    }
)


def find_loss(name: str) -> HeadLoss:
    """Return the loss called `name`; raises ``ValueError`` naming those that there are."""
    if name not in HEAD_LOSSES:
        raise ValueError(f"loss: {name!r}, allowed are {', '.join(HEAD_LOSSES)}")
    return HEAD_LOSSES[name]
