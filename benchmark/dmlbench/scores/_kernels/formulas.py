"""From hits to scores: the equations of protocol section 3, one value a query.

Throughout, for a query whose label is carried by c of N images: R = c - 1 places are looked at,
H of them hold the query's label. Where a single label is left, z and ARP are not defined: NaN or
infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.labels import Ints

PAPER_CAP = 1023
"""Most neighbours that the released code looks at (pytorch-metric-learning 0.9.96)."""

Values = NDArray[np.float64]


def precision(hits: Any, sizes: Ints) -> Values:
    """R-Precision RP = H / R of each query.

    >>> precision(np.array([1.0, 2.0]), np.array([3, 3])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(hits / (sizes - 1), dtype=np.float64)


def normalised(hits: Any, sizes: Ints, images: int) -> Values:
    """NR-Precision z = (H - Rp) / sqrt(Rp(1 - p)) with p = c / N of each query.

    >>> normalised(np.array([2.0]), np.array([3]), 6).round(6).tolist()
    [1.414214]
    """
    return _standard_score(hits, sizes - 1, sizes / images)


def normalised_paper(hits: Any, sizes: Ints, repeated: int) -> Values:
    """z with the constants of the released code: R at most 1023, p = c / `repeated`.

    `repeated` is the number of images whose label occurs at least twice.
    """
    return _standard_score(hits, np.minimum(sizes - 1, PAPER_CAP), sizes / repeated)


def adjusted(hits: Any, sizes: Ints, images: int) -> Values:
    """Chance-adjusted ARP = (RP - q) / (1 - q) with q = R / (N - 1) of each query.

    >>> adjusted(np.array([2.0, 0.8]), np.array([3, 3]), 6).round(6).tolist()
    [1.0, 0.0]
    """
    share = (sizes - 1) / (images - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((precision(hits, sizes) - share) / (1 - share), dtype=np.float64)


def repeated_images(sizes: Ints) -> int:
    """Number of images whose label occurs at least twice, from the sizes [C] of all labels."""
    return int(sizes[sizes >= 2].sum())


def paper_ranks(sizes: Ints) -> Ints:
    """Places that the released code looks at for each label size."""
    return np.minimum(sizes - 1, PAPER_CAP)


def _standard_score(hits: Any, ranks: Ints, share: Any) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((hits - ranks * share) / np.sqrt(ranks * share * (1 - share)))
