"""Finds the layers of a network at which an explanation reads it: last map, hidden layer."""

from __future__ import annotations

from typing import Any

from factorprism.models.backend import load_keras


def split_at_map(network: Any) -> tuple[Any, Any] | None:
    """Return the networks from image to the last convolutional map, and from there to the logit.

    The map is [n, row, column, feature], the deepest output of rank 4 that the whole network
    passes through, is larger than one cell and is not a mere pooling of another. It is found by
    its shape, so that any network will do. None where no convolution leads to it: then the map
    is the image itself, moved or scaled.
    """
    keras = load_keras()
    for layer in reversed(network.layers):
        if _is_pooling(layer) or not _is_map(layer):
            continue
        try:
            head = keras.Model(layer.output, network.output)
        except ValueError:
            continue  # a shortcut leads past this layer
        body = keras.Model(network.input, layer.output)
        return (body, head) if any(map(_is_convolution, body.layers)) else None
    raise ValueError(f"network: {network.name} reads no images [n, row, column, channel]")


def cut_before_logit(network: Any) -> Any:
    """Return the network from image to the hidden layer that the logit is computed from.

    That is what the last layer with weights reads: [n, d], or [n, row, column, d] when it is
    a convolution.
    """
    weighted = [layer for layer in network.layers if layer.weights]
    if not weighted:
        raise ValueError(f"network: {network.name} has no layer with weights")
    return load_keras().Model(network.input, weighted[-1].input)


def _is_map(layer: Any) -> bool:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return False  # used in several places, or with several outputs
    return len(shape) == 4 and (shape[1] or 0) * (shape[2] or 0) > 1


def _is_convolution(layer: Any) -> bool:
    inner = getattr(layer, "layers", [])  # of a network used as a layer
    return "Conv" in type(layer).__name__ or any(map(_is_convolution, inner))


def _is_pooling(layer: Any) -> bool:
    return "Pool" in type(layer).__name__ or "Dropout" in type(layer).__name__
