"""From bars to factors: the catalogue, its computation by TA-Lib, and the common scale."""

from factorprism.factors.catalogue import CATALOGUE, catalogue_hash
from factorprism.factors.computation import compute_factors, compute_panels
from factorprism.factors.factor import Factor
from factorprism.factors.normalisation import Normaliser
from factorprism.factors.segments import bars_needed_from, segment_start

__all__ = [
    "CATALOGUE",
    "Factor",
    "Normaliser",
    "bars_needed_from",
    "catalogue_hash",
    "compute_factors",
    "compute_panels",
    "segment_start",
]
