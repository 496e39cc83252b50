"""The hits of `neighbor_counts`, counted by PyTorch on a GPU: blocks of queries at once.

A GPU sorts the distances of a block faster than it could guess and check bounds; which images with
the query's label lie within each rank is then one comparison of the whole block per property.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.parallel import nothing, query_blocks
from dmlbench.scores._kernels.units import Units
from dmldata.common.arrays import Ints
from dmldata.common.progress import Advance

if TYPE_CHECKING:
    from torch import Tensor

    from dmlbench.scores._kernels.neighbor_counts import Question

BLOCK_ELEMENTS = 64_000_000
"""Distances held at once; with what sorting them takes, some 3 GB."""


def count_hits_on(
    device: str,
    points: Points,
    units: Units,
    questions: Sequence[Question],
    *,
    queries: Ints | None = None,
    done: Advance = nothing,
) -> list[NDArray[np.float64]]:
    """Count hits on a device of PyTorch, such as "cuda"; see `neighbor_counts.count_hits`.

    Args:
        queries: points to count the hits of; None for all.
    """
    import torch

    fast = points.fast()
    left, right = (torch.from_numpy(part).to(device) for part in (fast.left, fast.right))
    asked = [
        tuple(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in question)
        for question in ((q.codes.astype(np.int64), q.ranks.astype(np.int64)) for q in questions)
    ]
    last = max(int(question.ranks.max(initial=0)) for question in questions)
    parts = []
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        everything = np.arange(len(points)) if queries is None else queries
        for block in query_blocks(everything, len(points), BLOCK_ELEMENTS):
            rows = torch.from_numpy(block).to(device)
            distances = left[rows] @ right
            places = (torch.from_numpy(part).to(device) for part in units.places(block))
            distances[tuple(places)] = torch.inf
            parts.append(_count(distances, rows, asked, points.tolerance, last).cpu().numpy())
            done(len(block))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
    ends = np.cumsum([question.ranks.shape[1] for question in questions])
    return np.split(np.concatenate(parts), ends[:-1], axis=1)


def _count(
    distances: Tensor,
    rows: Tensor,
    asked: Sequence[tuple[Tensor, ...]],
    tolerance: float,
    last: int,
) -> Tensor:
    """Return the hits [B, M] of all questions from the distances [B, N] of some queries."""
    import torch

    in_order = distances.sort(dim=1).values
    columns = []
    for codes, ranks in asked:
        rank = ranks[rows]
        at_rank = in_order.gather(1, (rank - 1).clamp(0, last))
        low, high = at_rank - tolerance, at_rank + tolerance
        closer = torch.searchsorted(in_order, low)
        tied = torch.searchsorted(in_order, high, right=True) - closer
        same = torch.where(codes == codes[rows, None], distances, torch.inf)
        for m in range(rank.shape[1]):
            closer_hits = (same < low[:, m, None]).sum(dim=1)
            tied_hits = (same <= high[:, m, None]).sum(dim=1) - closer_hits
            share = (rank[:, m] - closer[:, m]).double() * tied_hits / tied[:, m]
            hits = closer_hits + share
            columns.append(torch.where(rank[:, m] > 0, hits, torch.nan))
    return torch.stack(columns, dim=1)
