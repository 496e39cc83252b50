"""The fourteen losses of pytorch-metric-learning, with the distances of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytorch_metric_learning import distances, losses, miners, regularizers
from torch import Tensor, nn

from dmlbench.losses import LOSSES
from dmldata.common.errors import InputError, UnknownNameError

Parameters = Mapping[str, float]


@dataclass(frozen=True)
class Size:
    """Size of the parameters of a loss: number of classes C and dimensions D."""

    classes: int
    dimensions: int


class MetricLoss(nn.Module):
    """A loss that maps embeddings [B, D] and classes [B] to a number.

    Attributes:
        loss: loss of pytorch-metric-learning, with the distance of the protocol.
        miner: chooses the pairs that count; None if all do.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Compute the loss of embeddings [B, D] float32 (not normalized) and classes [B]."""
        pairs = None if self.miner is None else self.miner(embeddings, classes)
        value: Tensor = self.loss(embeddings, classes, pairs)
        return value


def build_loss(
    key: str, parameters: Parameters, miner: Parameters | None, size: Size
) -> MetricLoss:
    """Build the loss of a key of the protocol's section 6, with randomly initialized parameters.

    Args:
        parameters: arguments of the loss.
        miner: arguments of the miner; None for no miner.

    Raises:
        UnknownNameError: there is no such loss.
        InputError: the loss is a control, which is not trained, or does not take the arguments.
    """
    if key not in LOSSES:
        raise UnknownNameError("loss", key, LOSSES)
    if key not in _BUILDERS:
        raise InputError(f"loss '{key}' is a control: it is saved, not trained")
    try:
        built = _BUILDERS[key](dict(parameters), size)
        chosen = None if miner is None else miners.MultiSimilarityMiner(**miner)
    except (TypeError, KeyError) as error:
        raise InputError(f"loss '{key}': parameters {dict(parameters)}: {error}") from None
    return MetricLoss(built, chosen)


def _contrastive(parameters: dict[str, float], _: Size) -> nn.Module:
    return losses.ContrastiveLoss(**parameters, distance=distances.LpDistance())


def _triplet(parameters: dict[str, float], _: Size) -> nn.Module:
    return losses.TripletMarginLoss(**parameters, distance=distances.LpDistance())


def _ntxent(parameters: dict[str, float], _: Size) -> nn.Module:
    return losses.NTXentLoss(**parameters, distance=distances.CosineSimilarity())


def _proxy_nca(parameters: dict[str, float], size: Size) -> nn.Module:
    return losses.ProxyNCALoss(**_sized(size), **parameters, distance=distances.LpDistance(power=2))


def _margin(parameters: dict[str, float], _: Size) -> nn.Module:
    return losses.MarginLoss(**parameters, learn_beta=True, distance=distances.LpDistance())


def _margin_class(parameters: dict[str, float], size: Size) -> nn.Module:
    boundaries = {"learn_beta": True, "num_classes": size.classes}
    return losses.MarginLoss(**parameters, **boundaries, distance=distances.LpDistance())


def _normalized_softmax(parameters: dict[str, float], size: Size) -> nn.Module:
    product = distances.DotProductSimilarity()
    return losses.NormalizedSoftmaxLoss(**_sized(size), **parameters, distance=product)


def _cosface(parameters: dict[str, float], size: Size) -> nn.Module:
    return losses.CosFaceLoss(**_sized(size), **parameters, distance=distances.CosineSimilarity())


def _arcface(parameters: dict[str, float], size: Size) -> nn.Module:
    return losses.ArcFaceLoss(**_sized(size), **parameters, distance=distances.CosineSimilarity())


def _fastap(parameters: dict[str, float], _: Size) -> nn.Module:
    bins = int(parameters.pop("num_bins"))
    return losses.FastAPLoss(num_bins=bins, **parameters, distance=distances.LpDistance(power=2))


def _snr_contrastive(parameters: dict[str, float], _: Size) -> nn.Module:
    weight = parameters.pop("regularizer_weight")
    if weight:
        parameters |= {
            "embedding_regularizer": regularizers.ZeroMeanRegularizer(),
            "embedding_reg_weight": weight,
        }
    return losses.SignalToNoiseRatioContrastiveLoss(**parameters, distance=distances.SNRDistance())


def _multi_similarity(parameters: dict[str, float], _: Size) -> nn.Module:
    return losses.MultiSimilarityLoss(**parameters, distance=distances.CosineSimilarity())


def _soft_triple(parameters: dict[str, float], size: Size) -> nn.Module:
    centers, weight = int(parameters.pop("centers_per_class")), parameters.pop("reg_weight")
    regularizer: dict[str, Any] = {}
    if centers > 1 and weight:
        regularizer = {
            "weight_regularizer": regularizers.SparseCentersRegularizer(size.classes, centers),
            "weight_reg_weight": weight,
        }
    cosine = distances.CosineSimilarity()
    return losses.SoftTripleLoss(
        **_sized(size), centers_per_class=centers, **parameters, **regularizer, distance=cosine
    )


def _sized(size: Size) -> dict[str, int]:
    return {"num_classes": size.classes, "embedding_size": size.dimensions}


_BUILDERS: dict[str, Callable[[dict[str, float], Size], nn.Module]] = {
    "contrastive": _contrastive,
    "triplet": _triplet,
    "ntxent": _ntxent,
    "proxy_nca": _proxy_nca,
    "margin": _margin,
    "margin_class": _margin_class,
    "normalized_softmax": _normalized_softmax,
    "cosface": _cosface,
    "arcface": _arcface,
    "fastap": _fastap,
    "snr_contrastive": _snr_contrastive,
    "multi_similarity": _multi_similarity,
    "multi_similarity_miner": _multi_similarity,
    "soft_triple": _soft_triple,
}
