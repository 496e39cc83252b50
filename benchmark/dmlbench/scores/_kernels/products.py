"""Matrix products and decompositions by the fastest BLAS at hand."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np

from dmldata.common.arrays import Floats


@cache
def compiled_loops() -> ModuleType | None:
    """Return `compiled`; None where numba is not installed."""
    try:
        from dmlbench.scores._kernels import compiled
    except ImportError:
        return None
    return compiled


def product(a: Floats, b: Floats, out: Floats | None = None) -> Floats:
    """Return a b, of arrays [n, k] and [k, m] of one type, in `out` if it is given."""
    loops = compiled_loops()
    if loops is None:
        return np.matmul(a, b, out=out)
    if out is None:
        out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    loops.product(_contiguous(a), _contiguous(b), out)
    return out


def svd(a: Floats) -> tuple[Floats, Floats, Floats]:
    """Return left singular vectors [n, k], values [k] and right vectors [k, m] of a [n, m]."""
    loops = compiled_loops()
    if loops is None:
        return np.linalg.svd(a, full_matrices=False)
    left, values, right = loops.svd(np.ascontiguousarray(a))
    return left, values, right


def _contiguous(x: Floats) -> Floats:
    """Return the array, copied if it is contiguous by neither rows nor columns."""
    return x if x.flags.c_contiguous or x.flags.f_contiguous else np.ascontiguousarray(x)
