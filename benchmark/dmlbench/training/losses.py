"""Losses of pytorch-metric-learning with the distances of the protocol, and losses of the user."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_metric_learning import distances, losses, miners, regularizers
from torch import Tensor, nn

from dmlbench.losses import Loss, loss_named
from dmlbench.training.annealing import AnnealedLargeMarginSoftmax, AnnealedSphereFace
from dmlbench.training.sparse_centers import SparseCenters
from dmlbench.user_code import (
    call_function,
    import_function,
    is_python,
    keywords_of,
    source_digest,
)
from dmldata.common.errors import InputError

Parameters = Mapping[str, float]


@dataclass(frozen=True)
class Size:
    """Size of the parameters of a loss: number of classes C and dimensions D."""

    classes: int
    dimensions: int

    def arguments(self) -> dict[str, int]:
        """Return the sizes by their names in pytorch-metric-learning."""
        return {"num_classes": self.classes, "embedding_size": self.dimensions}


class MetricLoss(nn.Module):
    """A loss that maps embeddings [B, D] and classes [B] to a number.

    Attributes:
        loss: loss of pytorch-metric-learning, with the distance of the protocol, or of the user.
        miner: chooses the pairs that count; None if all do.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Compute the loss of embeddings [B, D] float32 (not normalized) and classes [B]."""
        pairs = () if self.miner is None else (self.miner(embeddings, classes),)
        value: Tensor = self.loss(embeddings, classes, *pairs)
        return value


def build_loss(
    key: str, parameters: Parameters, miner: Parameters | None, size: Size
) -> MetricLoss:
    """Build the loss of a key of the protocol's section 6, with randomly initialized parameters.

    Args:
        key: key of the loss, or the user's `python:module:function`, which is called with those of
            `num_classes` and `embedding_size` that it accepts, and returns a module.
        parameters: arguments of the loss.
        miner: arguments of the miner; None for no miner.

    Raises:
        UnknownNameError: there is no such loss.
        InputError: the loss is a control, which is not trained, or does not take the arguments, or
            the user's function fails.
    """
    declared = loss_named(key)
    if not declared.made_by:
        raise InputError(f"loss '{key}' is a control: it is saved, not trained")
    if is_python(key):
        return MetricLoss(_call_user(declared, size))
    adapt = _ADAPTED.get(key)
    arguments: dict[str, Any] = dict(parameters)
    kind = _ANNEALED.get(key) or getattr(losses, declared.made_by)
    try:
        if adapt is not None:
            arguments = adapt(arguments, size)
        distance = _DISTANCES[declared.distance]()
        built = kind(**_required_sizes(kind, size), **arguments, distance=distance)
        chosen = None if miner is None else miners.MultiSimilarityMiner(**miner)
    except (TypeError, KeyError) as error:
        raise InputError(f"loss '{key}': parameters {dict(parameters)}: {error}") from None
    return MetricLoss(built, chosen)


def loss_id(key: str) -> str:
    """Return the key of a loss in files: of a user's function with a digest of its file.

    Raises:
        InputError: the user's function cannot be imported.

    >>> loss_id("arcface")
    'arcface'
    """
    if not is_python(key):
        return key
    reference = loss_named(key).made_by
    import_function(reference, InputError)
    return f"{key.partition('#')[0]}#{source_digest(reference)}"


def _call_user(declared: Loss, size: Size) -> nn.Module:
    function = import_function(declared.made_by, InputError)
    named = keywords_of(function)
    sizes = {name: value for name, value in size.arguments().items() if name in named}
    built = call_function(declared.made_by, function, InputError, **sizes)
    if not isinstance(built, nn.Module):
        raise InputError(
            f"{declared.made_by}: returns {type(built).__name__}; valid: a module that maps "
            "embeddings [B, D] and classes [B] to a number"
        )
    _try(built, declared.made_by, size)
    return built


def _try(loss: nn.Module, reference: str, size: Size) -> None:
    """Call a copy of a loss of the user on a few embeddings.

    Raises:
        InputError: it fails, or returns something that cannot be minimized.
    """
    try:
        trial = copy.deepcopy(loss)
    except Exception:  # as of modules with tensors of a graph; what is wrong is found in training
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classes = torch.arange(size.classes)[:8].repeat(4)
        embeddings = torch.randn(len(classes), size.dimensions, requires_grad=True)
        returned = call_function(reference, trial, InputError, embeddings, classes)
    if not isinstance(returned, Tensor) or returned.ndim or not returned.requires_grad:
        what = type(returned).__name__
        if isinstance(returned, Tensor):
            gradient = "" if returned.requires_grad else " without a gradient"
            what = f"a tensor {list(returned.shape)}{gradient}"
        raise InputError(f"{reference}: its loss returns {what}; valid: one number, as a tensor []")


def _required_sizes(kind: type[nn.Module], size: Size) -> dict[str, int]:
    """Return the sizes that a loss cannot be built without, also where a base class asks."""
    required = {
        parameter.name
        for base in kind.__mro__
        for parameter in inspect.signature(base).parameters.values()
        if parameter.default is inspect.Parameter.empty
    }
    return {name: value for name, value in size.arguments().items() if name in required}


_DISTANCES: dict[str, Callable[[], nn.Module]] = {
    "euclidean": distances.LpDistance,
    "squared_euclidean": lambda: distances.LpDistance(power=2),
    "cosine_similarity": distances.CosineSimilarity,
    "dot_product": distances.DotProductSimilarity,
    "snr": distances.SNRDistance,
}
"""The distances of `dmlbench.losses.DISTANCES` in pytorch-metric-learning."""


def _whole(parameters: Mapping[str, Any], name: str) -> int:
    number = parameters[name]
    if number != int(number):
        raise InputError(f"loss.{name} {number}: has to be a whole number")
    return int(number)


def _margin(parameters: dict[str, Any], _: Size) -> dict[str, Any]:
    return parameters | {"learn_beta": True}


def _margin_class(parameters: dict[str, Any], size: Size) -> dict[str, Any]:
    return parameters | {"learn_beta": True, "num_classes": size.classes}


def _fastap(parameters: dict[str, Any], _: Size) -> dict[str, Any]:
    return parameters | {"num_bins": _whole(parameters, "num_bins")}


def _snr_contrastive(parameters: dict[str, Any], _: Size) -> dict[str, Any]:
    weight = parameters.pop("regularizer_weight")
    if weight:
        parameters |= {
            "embedding_regularizer": regularizers.ZeroMeanRegularizer(),
            "embedding_reg_weight": weight,
        }
    return parameters


def _soft_triple(parameters: dict[str, Any], size: Size) -> dict[str, Any]:
    centers, weight = _whole(parameters, "centers_per_class"), parameters.pop("reg_weight")
    if centers > 1 and weight:
        parameters |= {
            "weight_regularizer": SparseCenters(size.classes, centers),
            "weight_reg_weight": weight,
        }
    return parameters | {"centers_per_class": centers}


def _sub_center_arcface(parameters: dict[str, Any], _: Size) -> dict[str, Any]:
    return parameters | {"sub_centers": _whole(parameters, "sub_centers")}


def _p2s_grad(parameters: dict[str, Any], size: Size) -> dict[str, Any]:
    return parameters | {"descriptors_dim": size.dimensions}


_ANNEALED: dict[str, type[nn.Module]] = {
    "large_margin_softmax": AnnealedLargeMarginSoftmax,
    "sphereface": AnnealedSphereFace,
}
"""Losses of the library that are not trained without annealing."""

_ADAPTED: dict[str, Callable[[dict[str, Any], Size], dict[str, Any]]] = {
    "margin": _margin,
    "margin_class": _margin_class,
    "fastap": _fastap,
    "snr_contrastive": _snr_contrastive,
    "soft_triple": _soft_triple,
    "sub_center_arcface": _sub_center_arcface,
    "p2s_grad": _p2s_grad,
}
"""Arguments of losses that are not just the numbers in their file of hyperparameters."""
