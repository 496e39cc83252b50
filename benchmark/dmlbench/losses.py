"""The losses, and the distance each was trained with as a function D(a [B, D], b [1, D]) -> [B].

All distances L2-normalize the embeddings first and agree with the classes of the same name in
pytorch-metric-learning. Distances grow with dissimilarity and similarities shrink; a saliency map
uses the magnitude of the gradient, so both kinds are handled alike.
Source: protocol, section 6 (Kobs et al., ICCV 2021; Musgrave et al., ECCV 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmldata.common.errors import UnknownNameError

if TYPE_CHECKING:
    from torch import Tensor

Distance = Callable[["Tensor", "Tensor"], "Tensor"]

MIN_NORM = 1e-12


def normalize(embeddings: Tensor) -> Tensor:
    """Scale the rows of [N, D] to length 1; a zero row stays zero."""
    return embeddings / embeddings.norm(dim=1, keepdim=True).clamp_min(MIN_NORM)


def euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Return |a - b| of normalized embeddings, 0 to 2. a [B, D], b [1, D] -> [B]."""
    return (normalize(a) - normalize(b)).norm(dim=1)


def squared_euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Return |a - b|^2 of normalized embeddings, 0 to 4. a [B, D], b [1, D] -> [B]."""
    return (normalize(a) - normalize(b)).square().sum(dim=1)


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between a and b, -1 to 1. a [B, D], b [1, D] -> [B]."""
    return (normalize(a) * normalize(b)).sum(dim=1)


def dot_product(a: Tensor, b: Tensor) -> Tensor:
    """Return a . b of normalized embeddings (the cosine), -1 to 1. a [B, D], b [1, D] -> [B]."""
    return cosine_similarity(a, b)


def snr(a: Tensor, b: Tensor) -> Tensor:
    """Return var(a - b) / var(a), noise over anchor, at least 0. a [B, D], b [1, D] -> [B]."""
    anchor = normalize(a)
    return (anchor - normalize(b)).var(dim=1) / anchor.var(dim=1)


DISTANCES: dict[str, Distance] = {
    function.__name__: function
    for function in (euclidean, squared_euclidean, cosine_similarity, dot_product, snr)
}
DEFAULT_DISTANCE = "euclidean"


@dataclass(frozen=True)
class Loss:
    """A loss: one row of the table in the protocol, section 6.

    Attributes:
        key: its name in options and files.
        title: its name in tables and figures.
        group: "classification", "ranking" or "control".
        distance: name of the distance it is trained with, a key of DISTANCES.
    """

    key: str
    title: str
    group: str
    distance: str


LOSSES: dict[str, Loss] = {
    key: Loss(key, title, group, distance)
    for key, title, group, distance in (
        ("contrastive", "Contrastive", "ranking", "euclidean"),
        ("triplet", "Triplet", "ranking", "euclidean"),
        ("ntxent", "NT-Xent", "ranking", "cosine_similarity"),
        ("proxy_nca", "ProxyNCA", "classification", "squared_euclidean"),
        ("margin", "Margin", "ranking", "euclidean"),
        ("margin_class", "Margin / class", "ranking", "euclidean"),
        ("normalized_softmax", "Normalized Softmax", "classification", "dot_product"),
        ("cosface", "CosFace", "classification", "cosine_similarity"),
        ("arcface", "ArcFace", "classification", "cosine_similarity"),
        ("fastap", "FastAP", "ranking", "squared_euclidean"),
        ("snr_contrastive", "SNR Contrastive", "ranking", "snr"),
        ("multi_similarity", "Multi Similarity", "ranking", "cosine_similarity"),
        ("multi_similarity_miner", "Multi Similarity + Miner", "ranking", "cosine_similarity"),
        ("soft_triple", "SoftTriple", "classification", "cosine_similarity"),
        ("none", "(untrained)", "control", "euclidean"),
        ("random", "(random)", "control", "euclidean"),
    )
}


def distance_named(name: str) -> Distance:
    """Return the distance function of this name.

    Raises:
        UnknownNameError: there is no such distance; lists the valid names.

    >>> distance_named("cosine")
    Traceback (most recent call last):
    ...
    dmldata.common.errors.UnknownNameError: unknown distance 'cosine'; valid: euclidean, \
squared_euclidean, cosine_similarity, dot_product, snr
    """
    if name not in DISTANCES:
        raise UnknownNameError("distance", name, DISTANCES)
    return DISTANCES[name]


def loss_named(key: str) -> Loss:
    """Return the loss of this key.

    Raises:
        UnknownNameError: there is no such loss; lists the valid keys.

    >>> loss_named("arcface").distance
    'cosine_similarity'
    """
    if key not in LOSSES:
        raise UnknownNameError("loss", key, LOSSES)
    return LOSSES[key]
