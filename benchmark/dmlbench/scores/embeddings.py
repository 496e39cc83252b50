"""Embeddings, checked once, so that the modules that compute can trust them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmldata.common.arrays import Floats
from dmldata.common.errors import InputError


def check_embeddings(embeddings: ArrayLike, *, normalize: bool = True) -> Floats:
    """Return the embeddings as a finite [N, D] array of float32 or float64.

    Half precision becomes float32; integers become float64.

    Raises:
        InputError: not [N, D], empty, not real numbers, NaN or infinity, or (with `normalize`) a
            vector of length zero.

    >>> check_embeddings([[0.0, 1.0], [0.0, 0.0]])
    Traceback (most recent call last):
    ...
    dmldata.common.errors.InputError: embeddings: 1 row is a zero vector, which has no direction \
to normalize; first at row 1
    """
    array = np.asarray(embeddings)
    if array.dtype.kind not in "fiub":
        raise InputError(f"embeddings: dtype {array.dtype}; valid: real numbers (float32, float64)")
    if array.ndim != 2:
        raise InputError(f"embeddings: shape {list(array.shape)}; valid: [N, D], one row per image")
    if array.size == 0:
        raise InputError(f"embeddings: empty (shape {list(array.shape)}); valid: N >= 1, D >= 1")
    single = array.dtype in (np.dtype(np.float16), np.dtype(np.float32))
    array = array.astype(np.float32 if single else np.float64, copy=False)
    broken = ~np.isfinite(array).all(axis=1)
    if broken.any():
        raise InputError(
            f"embeddings: {_rows(broken, 'holds', 'hold')} NaN or infinity; "
            f"first at row {int(broken.argmax())}; valid: finite numbers"
        )
    zero = ~array.any(axis=1)
    if normalize and zero.any():
        raise InputError(
            f"embeddings: {_rows(zero, 'is', 'are')} a zero vector, which has no direction to "
            f"normalize; first at row {int(zero.argmax())}"
        )
    return array


def _rows(mask: NDArray[np.bool_], singular: str, plural: str) -> str:
    count = int(mask.sum())
    return f"{count} row {singular}" if count == 1 else f"{count} rows {plural}"
