"""The networks that read images, and the bundle in which a trained one is kept and trusted."""

from factorprism.models.anatomy import cut_before_logit, split_at_map
from factorprism.models.bundle import (
    Calibration,
    ModelBundle,
    hash_manifest,
    load_bundle,
    load_normaliser,
    save_bundle,
    to_probability,
)
from factorprism.models.inception import InceptionConfig, InceptionModule, build_inception
from factorprism.models.zoo import build_network, network_config, network_names

__all__ = [
    "Calibration",
    "InceptionConfig",
    "InceptionModule",
    "ModelBundle",
    "build_inception",
    "build_network",
    "cut_before_logit",
    "hash_manifest",
    "load_bundle",
    "load_normaliser",
    "network_config",
    "network_names",
    "save_bundle",
    "split_at_map",
    "to_probability",
]
