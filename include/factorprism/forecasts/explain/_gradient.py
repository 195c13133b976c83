"""What the gradient says: where on the image the output is made, and by which cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray
from factorprism.models import ModelBundle, split_at_map
from factorprism.models.backend import compute_gradient

Values = npt.NDArray[np.float64]


def compute_grad_cam(bundle: ModelBundle, values: FloatArray) -> Values | None:
    """Return the Grad-CAM of one un-normalised image, float64 [lookback, factor], in [-1, 1].

    None for a network without a convolution over rows and columns, which has no map to look at.

    Selvaraju et al. 2017, "Grad-CAM", section 3, on the last convolutional map; positive where
    the map raises the output. The ReLU is left out, since what lowers the output counts as well.
    There is no channel axis: the first convolution has merged the channels. The largest absolute
    value is 1, and all are 0 when the output does not depend on the map.
    """
    parts = split_at_map(bundle.network)
    if parts is None:
        return None
    body, head = parts
    image = bundle.normaliser.transform(values)[np.newaxis]
    features = np.asarray(body(image, training=False), dtype=np.float32)
    slopes = np.asarray(compute_gradient(head, features), dtype=np.float64)
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    coarse = (weights * features).sum(axis=-1)[0]
    peak = float(np.abs(coarse).max())
    return _stretch(coarse / peak if peak > 0.0 else coarse, values.shape[:2])


def compute_input_gradient(bundle: ModelBundle, values: FloatArray) -> Values:
    """Return gradient x input of one un-normalised image, float64 [lookback, factor, channel].

    The first-order change of the output, in its unit, against the image in which every cell is the
    training median (Shrikumar et al. 2017, "Learning important features", section 2).
    """
    image = bundle.normaliser.transform(values)[np.newaxis]
    slopes = np.asarray(compute_gradient(bundle.network, image), dtype=np.float64)
    contributions: Values = (slopes * image)[0]
    return contributions


def _stretch(coarse: Values, shape: tuple[int, ...]) -> Values:
    """Return `coarse` [row, column] at `shape`, linear between the centres of its cells."""
    rows, columns = (_spread(held, size) for held, size in zip(coarse.shape, shape, strict=True))
    return rows @ coarse @ columns.T


def _spread(held: int, size: int) -> Values:
    """Return the weights [size, held] that interpolate `held` cells at the centres of `size`."""
    centres = (np.arange(size) + 0.5) * held / size - 0.5
    cells = np.arange(held)
    return np.stack([np.interp(centres, cells, unit) for unit in np.eye(held)], axis=1)
