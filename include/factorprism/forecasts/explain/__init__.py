"""Why a forecast came out as it did: what the network read, and which past images were like it."""

from factorprism.forecasts.explain._attribution import (
    Attribution,
    CellMethod,
    compute_agreement,
    compute_attribution,
)
from factorprism.forecasts.explain._feature_groups import DECIMALS, Shares
from factorprism.forecasts.explain._gradient import compute_grad_cam, compute_input_gradient
from factorprism.forecasts.explain._neighbours import (
    NearestNeighbours,
    Neighbour,
    NeighbourIndex,
    build_neighbour_index,
    embed_windows,
)
from factorprism.forecasts.explain._shapley import compute_shapley
from factorprism.forecasts.explain._surrogate import compute_surrogate

__all__ = [
    "DECIMALS",
    "Attribution",
    "CellMethod",
    "NearestNeighbours",
    "Neighbour",
    "NeighbourIndex",
    "Shares",
    "build_neighbour_index",
    "compute_agreement",
    "compute_attribution",
    "compute_grad_cam",
    "compute_input_gradient",
    "compute_shapley",
    "compute_surrogate",
    "embed_windows",
]
