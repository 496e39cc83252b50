"""Work shared by a few threads, and its results in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from dmldata.common.arrays import Ints
from dmldata.common.cores import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def nothing(amount: int) -> None:
    """Ignore an amount of work that is done: for callers without a progress bar."""


def query_blocks(queries: Ints, columns: int, elements: int) -> list[Ints]:
    """Cut queries into blocks of at most `elements` distances, at least one query each.

    >>> import numpy as np
    >>> [block.tolist() for block in query_blocks(np.arange(5), columns=10, elements=20)]
    [[0, 1], [2, 3], [4]]
    """
    rows = max(1, elements // max(columns, 1))
    return [queries[start : start + rows] for start in range(0, len(queries), rows)]


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int | None
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with the result of `work` on it, in the order of the items.

    NumPy lets go of the interpreter inside its loops, so threads share the work without copying
    the embeddings.
    """
    with one_thread_each(), ThreadPoolExecutor(threads or usable_cores()) as pool:
        yield from zip(items, pool.map(work, items), strict=True)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread per call: where several calls run at once, or another
    program uses the processor, their threads wait for each other, tens of times longer than they
    work."""
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> Any:
    """Return the BLAS and OpenMP libraries of the process, looked for again after each import.

    To look for them takes longer than many a score.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
