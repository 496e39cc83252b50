"""The losses, and the distance each was trained with as a function D(a [B, D], b [1, D]) -> [B].

All distances L2-normalize the embeddings first and agree with the classes of the same name in
pytorch-metric-learning. Distances grow with dissimilarity and similarities shrink; a saliency map
uses the magnitude of the gradient, so both kinds are handled alike.
Source: protocol, section 6 (Kobs et al., ICCV 2021; Musgrave et al., ECCV 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from dmlbench.user_code import is_python, split_python
from dmldata.common.errors import InputError, UnknownNameError

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
GROUPS = ("classification", "ranking", "other")
"""The groups of losses that are trained."""


@dataclass(frozen=True)
class Loss:
    """A loss: one row of the tables in the protocol, section 6, or a function of the user.

    Attributes:
        key: its name in options and files.
        title: its name in tables and figures.
        group: "classification", "ranking" or "control"; "other" for a function of the user that
            does not say.
        distance: name of the distance it is trained with, a key of DISTANCES.
        made_by: its class in `pytorch_metric_learning.losses`, or the `python:module:function` that
            returns it; "" for a control, which is not trained.
        paper: whether it is one of the fourteen that the paper compares.
    """

    key: str
    title: str
    group: str
    distance: str
    made_by: str = ""
    paper: bool = field(default=False, kw_only=True)

    @property
    def file_name(self) -> str:
        """Its name in the names of files.

        >>> loss_named("python:my_losses:angular").file_name
        'my_losses.angular'
        """
        return ".".join(split_python(self.made_by, InputError)) if is_python(self.key) else self.key


_OF_PAPER = (
    ("contrastive", "Contrastive", "ranking", "euclidean", "ContrastiveLoss"),
    ("triplet", "Triplet", "ranking", "euclidean", "TripletMarginLoss"),
    ("ntxent", "NT-Xent", "ranking", "cosine_similarity", "NTXentLoss"),
    ("proxy_nca", "ProxyNCA", "classification", "squared_euclidean", "ProxyNCALoss"),
    ("margin", "Margin", "ranking", "euclidean", "MarginLoss"),
    ("margin_class", "Margin / class", "ranking", "euclidean", "MarginLoss"),
    (
        "normalized_softmax",
        "Normalized Softmax",
        "classification",
        "dot_product",
        "NormalizedSoftmaxLoss",
    ),
    ("cosface", "CosFace", "classification", "cosine_similarity", "CosFaceLoss"),
    ("arcface", "ArcFace", "classification", "cosine_similarity", "ArcFaceLoss"),
    ("fastap", "FastAP", "ranking", "squared_euclidean", "FastAPLoss"),
    (
        "snr_contrastive",
        "SNR Contrastive",
        "ranking",
        "snr",
        "SignalToNoiseRatioContrastiveLoss",
    ),
    (
        "multi_similarity",
        "Multi Similarity",
        "ranking",
        "cosine_similarity",
        "MultiSimilarityLoss",
    ),
    (
        "multi_similarity_miner",
        "Multi Similarity + Miner",
        "ranking",
        "cosine_similarity",
        "MultiSimilarityLoss",
    ),
    ("soft_triple", "SoftTriple", "classification", "cosine_similarity", "SoftTripleLoss"),
)
_ADDED = (
    ("circle", "Circle", "ranking", "cosine_similarity", "CircleLoss"),
    (
        "generalized_lifted_structure",
        "Generalized Lifted Structure",
        "ranking",
        "euclidean",
        "GeneralizedLiftedStructureLoss",
    ),
    ("n_pairs", "N-Pairs", "ranking", "dot_product", "NPairsLoss"),
    ("sup_con", "SupCon", "ranking", "cosine_similarity", "SupConLoss"),
    ("tuplet_margin", "Tuplet Margin", "ranking", "cosine_similarity", "TupletMarginLoss"),
    (
        "large_margin_softmax",
        "Large-Margin Softmax",
        "classification",
        "cosine_similarity",
        "LargeMarginSoftmaxLoss",
    ),
    ("p2s_grad", "P2SGrad", "classification", "cosine_similarity", "P2SGradLoss"),
    ("proxy_anchor", "Proxy Anchor", "classification", "cosine_similarity", "ProxyAnchorLoss"),
    ("sphereface", "SphereFace", "classification", "cosine_similarity", "SphereFaceLoss"),
    (
        "sub_center_arcface",
        "Sub-center ArcFace",
        "classification",
        "cosine_similarity",
        "SubCenterArcFaceLoss",
    ),
)
_CONTROLS = (
    ("none", "(untrained)", "control", "euclidean"),
    ("random", "(random)", "control", "euclidean"),
)
LOSSES: dict[str, Loss] = {
    row[0]: Loss(*row, paper=rows is _OF_PAPER)
    for rows in (_OF_PAPER, _ADDED, _CONTROLS)
    for row in rows
}


FAMILIES = {
    "contrastive": ("contrastive", "snr_contrastive"),
    "margin": ("margin", "margin_class"),
    "multi_similarity": ("multi_similarity", "multi_similarity_miner"),
    "softmax": ("normalized_softmax", "proxy_nca"),
    "additive_margin": ("arcface", "cosface", "sub_center_arcface"),
    "multiplicative_margin": ("large_margin_softmax", "sphereface"),
}
"""Losses that differ in one detail, such as the distance or a miner; by name of the family.

ProxyNCA with squared distances of normalized vectors is the normalized softmax with half the
temperature: d^2 = 2 - 2 cos.
"""


def family_of(key: str) -> str:
    """Return the family of a loss; its own key if no other loss differs from it in one detail.

    >>> family_of("margin_class"), family_of("triplet")
    ('margin', 'triplet')
    """
    return next((name for name, keys in FAMILIES.items() if key in keys), key)


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

    A function of the user is `python:module:function`, and can say what the table says of the
    others: `python:module:function?distance=cosine_similarity&group=ranking`. It is not imported.

    Raises:
        UnknownNameError: there is no such loss; lists the valid keys.
        InputError: the reference of a function is not valid.

    >>> loss_named("arcface").distance
    'cosine_similarity'
    >>> loss_named("python:my_losses:angular?group=ranking")
    Loss(key='python:my_losses:angular?group=ranking', title='angular', group='ranking', \
distance='euclidean', made_by='python:my_losses:angular', paper=False)
    """
    if is_python(key):
        return _loss_of_user(key)
    if key not in LOSSES:
        raise UnknownNameError("loss", key, LOSSES)
    return LOSSES[key]


def without_controls(losses: Iterable[str]) -> list[str]:
    """Return the losses of these that models are trained with.

    >>> without_controls(["arcface", "none", "random", "triplet"])
    ['arcface', 'triplet']
    """
    return [loss for loss in losses if loss_named(loss).group != "control"]


def _loss_of_user(key: str) -> Loss:
    reference, _, query = key.partition("#")[0].partition("?")
    _, function = split_python(reference, InputError)
    options = dict(parse_qsl(query, keep_blank_values=True))
    distance, group = options.pop("distance", DEFAULT_DISTANCE), options.pop("group", "other")
    distance_named(distance)
    if options or group not in GROUPS:
        raise InputError(
            f"loss {key}: valid after '?': distance={'|'.join(DISTANCES)} and "
            f"group={'|'.join(GROUPS)}, joined by &"
        )
    return Loss(key, function, group, distance, reference)
