"""The networks that read images, and the bundle in which a trained one is kept and trusted."""

from factorprism.models._network import PADDINGS
from factorprism.models.anatomy import cut_before_logit, split_at_map
from factorprism.models.bundle import (
    ModelBundle,
    hash_manifest,
    load_bundle,
    load_members,
    load_normaliser,
    save_bundle,
)
from factorprism.models.googlenet import (
    GooglenetConfig,
    attach_auxiliary_heads,
    build_googlenet,
)
from factorprism.models.inception import InceptionConfig, InceptionModule, build_inception
from factorprism.models.inception_time import InceptionTimeConfig, build_inception_time
from factorprism.models.lenet5 import Lenet5Config, build_lenet5
from factorprism.models.mlp import MlpConfig, build_mlp
from factorprism.models.nin import NinConfig, build_nin
from factorprism.models.resnet import ResnetConfig, build_resnet
from factorprism.models.zoo import build_network, network_config, network_names, training_form

__all__ = [
    "PADDINGS",
    "GooglenetConfig",
    "InceptionConfig",
    "InceptionModule",
    "InceptionTimeConfig",
    "Lenet5Config",
    "MlpConfig",
    "ModelBundle",
    "NinConfig",
    "ResnetConfig",
    "attach_auxiliary_heads",
    "build_googlenet",
    "build_inception",
    "build_inception_time",
    "build_lenet5",
    "build_mlp",
    "build_network",
    "build_nin",
    "build_resnet",
    "cut_before_logit",
    "hash_manifest",
    "load_bundle",
    "load_members",
    "load_normaliser",
    "network_config",
    "network_names",
    "save_bundle",
    "split_at_map",
    "training_form",
]
