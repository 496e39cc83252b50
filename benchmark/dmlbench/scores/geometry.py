"""The shape of a set of embeddings, whatever the properties of the images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.parallel import one_thread_each
from dmldata.common.arrays import Floats

COLLAPSED_RANK = 1.5
"""Embeddings of a lower effective rank have collapsed."""
SINGLE_LIMIT = 1e-6
"""Part of their length by which float32 embeddings have to differ to be told apart well."""
ZERO_SPREAD = 1e-12
MAX_IMAGES = 10_000
"""Maximum number of embeddings whose shape is measured (a seeded subset of more)."""


def effective_rank(embeddings: Floats) -> float:
    """Return the number of dimensions that normalized embeddings [N, D] fill, 1 to min(N, D).

    The exponential of the entropy of their singular values over their sum (Roy and Vetterli, "The
    effective rank", EUSIPCO 2007). The mean is not subtracted: embeddings in a narrow cone, which
    are nearly one vector, have an effective rank near 1.

    >>> round(effective_rank(np.eye(3)), 6), round(effective_rank(np.ones((3, 3))), 6)
    (3.0, 1.0)
    """
    x = unit_rows(embeddings)
    with one_thread_each():
        squared = np.linalg.eigvalsh(x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T)
    singular = np.sqrt(np.maximum(squared, 0.0))
    share = singular[singular > 0] / singular.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def embedding_notes(embeddings: Floats) -> Iterator[str]:
    """Yield what a reader of scores has to know of checked embeddings [N, D], if anything."""
    x = unit_rows(embeddings)
    spread = float(np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1).mean()))
    spread = spread if spread > ZERO_SPREAD else 0.0
    rank = effective_rank(embeddings)
    if len(x) > 1 and (spread == 0 or rank < COLLAPSED_RANK):
        yield (
            f"the embeddings have collapsed: effective rank {rank:.2f} (of "
            f"{min(embeddings.shape)} possible), and they differ by {spread:.1e} of their length"
        )
    if embeddings.dtype == np.float32 and spread < SINGLE_LIMIT:
        yield (
            "distances are at the limit of the input's precision: float32 embeddings that differ "
            f"by {spread:.1e} of their length"
        )
