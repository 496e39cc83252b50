"""Squared Euclidean distances between embeddings, accurate enough for the tie tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.products import product
from dmldata.common.arrays import Floats, Ints

TIE_TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
"""Squared distances that differ by at most this part of the mean squared distance of an embedding
from the mean embedding are tied (protocol, section 3)."""

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Points:
    """Embeddings prepared for distances.

    They are centered and then scaled to a mean squared norm of 1: the scale makes the tolerance of
    a tie one of the embeddings' spread, and centering keeps |a|^2 + |b|^2 - 2ab from canceling
    where all embeddings lie in one direction. Neither changes which neighbor is closer.

    Attributes:
        x: float64 [N, D].
        norms: float64 [N], squared norms of the rows of x.
        tolerance: squared distances that differ by at most this are tied.
        unit: length of 1 in x, in units of the (normalized) embeddings.
    """

    x: NDArray[np.float64]
    norms: NDArray[np.float64]
    tolerance: float
    unit: float = 1.0

    def __len__(self) -> int:
        return len(self.x)

    def squared_distances(self, rows: Ints) -> NDArray[np.float64]:
        """Return the squared distances of some points to all: float64 [B, N], never negative."""
        return _squared_distances(self.x[rows], self.norms[rows], self.x, self.norms)

    def fast(self) -> FastPoints:
        """Return the same points in the form that counting takes."""
        ones, norms = np.ones((len(self), 1)), self.norms[:, None]
        left = np.concatenate([-2 * self.x, ones, norms], axis=1)
        right = np.concatenate([self.x, norms, ones], axis=1)
        return FastPoints(left, np.ascontiguousarray(right.T))


@dataclass(frozen=True)
class FastPoints:
    """Points for counting alone.

    |a|^2 + |b|^2 - 2ab is one product of a and b with two more dimensions each: at many points,
    going over all distances again to add the norms would take longer than the product. It is made
    in float64: errors of float32 products are as large as the tolerance of a tie.

    Attributes:
        left: float64 [N, D + 2], -2x, 1 and |x|^2.
        right: float64 [D + 2, N], x, |x|^2 and 1.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]

    def squared_distances(self, rows: Ints, out: NDArray[np.float64]) -> None:
        """Write the squared distances of some points to all into `out` [B, N].

        Rounding may make those of equal points negative.
        """
        product(self.left[rows], self.right, out=out)


def prepare_points(embeddings: Floats, *, normalize: bool) -> Points:
    """Return checked embeddings [N, D] as points, each divided by its L2 norm with `normalize`."""
    tolerance = TIE_TOLERANCE[embeddings.dtype.name]
    x = embeddings.astype(np.float64)
    if normalize:
        x = unit_rows(x)
    else:
        x /= max(np.abs(x).max(), np.finfo(np.float64).tiny)
    length = np.sqrt(np.einsum("nd,nd->n", x, x).mean())
    x -= x.mean(axis=0)
    spread = np.sqrt(np.einsum("nd,nd->n", x, x).mean())
    # What float64 leaves of equal embeddings after centering is no spread.
    unit = spread if spread > _ROUNDING * length else max(length, np.finfo(np.float64).tiny)
    x /= unit
    norms: NDArray[np.float64] = np.einsum("nd,nd->n", x, x)
    return Points(x, norms, tolerance, float(unit))


def unit_rows(embeddings: Floats) -> NDArray[np.float64]:
    """Return each row divided by its L2 norm: float64 [N, D]; rows of any magnitude except zero."""
    x = embeddings / np.abs(embeddings).max(axis=1, keepdims=True).astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x, dtype=np.float64)


def equal_lengths(embeddings: Floats) -> bool:
    """Return whether normalization changes nothing but the scale, up to the tolerance of a tie."""
    scale = max(np.abs(embeddings).max(), np.finfo(embeddings.dtype).tiny)
    lengths = np.linalg.norm(embeddings.astype(np.float64) / scale, axis=1)
    spread = lengths.max() - lengths.min()
    return bool(spread <= TIE_TOLERANCE[embeddings.dtype.name] / 4 * lengths.mean())


def _squared_distances(a: Floats, a_norms: Floats, b: Floats, b_norms: Floats) -> Floats:
    squared = product(a, b.T)
    squared *= -2
    squared += a_norms[:, None]
    squared += b_norms
    return np.maximum(squared, 0, out=squared)
