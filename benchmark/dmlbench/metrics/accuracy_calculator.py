"""NR-Precision and ARP in the accuracy calculator of pytorch-metric-learning."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.scores import arp, nr_precision
from dmldata.common.errors import InputError
from dmldata.common.extras import require_extras

require_extras("pytorch_metric_learning")
ensure_torchvision_imports()

from pytorch_metric_learning.distances import LpDistance  # noqa: E402
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator  # noqa: E402
from pytorch_metric_learning.utils.inference import CustomKNN  # noqa: E402

SCORES = ("nr_precision", "arp")


class PropertyAccuracyCalculator(AccuracyCalculator):  # type: ignore[misc]
    """PML's accuracy calculator with `nr_precision` and `arp`, exact as in `dmlbench.scores`.

    Both are of one set of images, which are queries and references. Without faiss, neighbors for
    PML's own metrics are searched by PML's `CustomKNN` with Euclidean distance, and clusters for
    AMI and NMI are those of scikit-learn's k-means.

    Args:
        include, exclude: names of metrics, as in PML; by default all.
        options: the other options of PML's `AccuracyCalculator`.

    Raises:
        InputError: `avg_of_avgs`, `return_per_class` or `label_comparison_fn` with these two.

    >>> import torch
    >>> calculator = PropertyAccuracyCalculator(include=("arp", "nr_precision"))
    >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> calculator.get_accuracy(embeddings, torch.tensor([0, 0, 1, 1]))
    {'arp': 1.0, 'nr_precision': 1.0}
    """

    def __init__(
        self, include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), **options: Any
    ) -> None:
        if find_spec("faiss") is None:
            if options.get("knn_func") is None:
                options["knn_func"] = CustomKNN(LpDistance(normalize_embeddings=False))
            if options.get("kmeans_func") is None:
                options["kmeans_func"] = _kmeans
        super().__init__(include, exclude, **options)
        exact = [name for name in SCORES if name in self.get_curr_metrics()]
        for option in ("avg_of_avgs", "return_per_class", "label_comparison_fn"):
            if exact and options.get(option):
                raise InputError(
                    f"{option}: not defined for {', '.join(exact)}; valid: "
                    f"exclude={tuple(exact)}, or without {option}"
                )

    def calculate_nr_precision(self, **arguments: Any) -> float:
        """Return `dmlbench.scores.nr_precision`; NaN where it does not exist."""
        return _exact("nr_precision", nr_precision, **arguments)

    def calculate_arp(self, **arguments: Any) -> float:
        """Return `dmlbench.scores.arp`; NaN where it does not exist."""
        return _exact("arp", arp, **arguments)


def _kmeans(embeddings: Tensor, clusters: int) -> Tensor:
    """Return the cluster of each embedding [N], as PML asks for."""
    cluster_of = KMeans(clusters, n_init=1, random_state=0).fit_predict(embeddings.cpu().numpy())
    return torch.as_tensor(cluster_of, device=embeddings.device)


def _exact(
    name: str,
    score: Callable[..., float | None],
    query: Tensor,
    query_labels: Tensor,
    reference: Tensor,
    ref_includes_query: bool,
    **_: Any,
) -> float:
    if not ref_includes_query or len(reference) != len(query):
        raise InputError(
            f"{name}: {len(query)} queries and {len(reference)} other references; valid: "
            f"references that are the queries, or exclude=('{name}',)"
        )
    value = score(query.detach().cpu().numpy(), query_labels.cpu().numpy())
    return math.nan if value is None else value
