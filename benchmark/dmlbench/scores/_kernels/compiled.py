"""Loops that NumPy cannot express, compiled by numba on their first use and cached on disk.

Without numba `neighbor_counts` does the same in NumPy. Nothing here starts threads or holds the
interpreter: several blocks are worked on at once by `parallel.in_order`.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg  # noqa: F401 (its BLAS, which numba calls, has to be there to be limited)
from numba import njit
from numpy.typing import NDArray

from dmldata.common.arrays import Floats, Ints

MAX_BINS = 4096
"""Maximum number of bins that the near distances of a query are sorted into."""


@njit(nogil=True, cache=True)
def product(a: Floats, b: Floats, out: Floats) -> None:
    """Write a b [n, m] into `out`, all contiguous and of one type.

    SciPy's BLAS knows newer processors than that of NumPy 1.26, which takes several times as long
    on some of them.
    """
    np.dot(a, b, out)


@njit(nogil=True, cache=True)
def svd(a: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the singular value decomposition of a [n, m], contiguous; see `product`."""
    left, values, right = np.linalg.svd(a, False)
    return left, values, right


@njit(nogil=True, cache=True)
def count_block(
    distances: Floats,
    ranks: Ints,
    codes: Ints,
    members: Ints,
    starts: Ints,
    tolerance: float,
    sample: int,
    hits: NDArray[np.float64],
) -> None:
    """Count the hits of a block of queries; see `neighbor_counts.count_hits`.

    Args:
        distances: float64 [B, N], squared, infinite for points of the query's own unit.
        ranks: [B, M] of the columns of all questions, 0 where not asked.
        codes: [B, M] label of the query in each column's question, numbered over all questions.
        members: uint32, points with each label, label after label. Unsigned, as numba lets signed
            indices count from the end, and then cannot gather several at once.
        starts: uint64, place in `members` of each label's first point, and the end of the last.
        tolerance: of a tie.
        sample: number of distances that a guess of how far the neighbors reach is made from.
        hits: [B, M] to write to.
    """
    images, columns = distances.shape[1], ranks.shape[1]
    near = np.empty(images)
    in_bins = np.empty(images)
    begins = np.empty(MAX_BINS + 1, np.int64)
    in_order = np.empty(MAX_BINS, np.bool_)
    lows, highs = np.empty(columns), np.empty(columns)
    closer, tied = np.empty(columns, np.int64), np.empty(columns, np.int64)
    for i in range(len(distances)):
        row, last = distances[i], ranks[i].max()
        if last == 0:
            hits[i] = np.nan
            continue
        bound = _guess(row, last, sample)
        while True:
            count, least, most = _take_near(row, bound, near)
            decided = count >= last
            if decided:
                bins = min(MAX_BINS, count // 4 + 1)
                scale = bins / (most - least) if most > least else 0.0
                _sort_into_bins(near[:count], least, scale, bins, begins, in_bins)
                in_order[:bins] = False
                for c in range(columns):
                    if ranks[i, c] > 0:
                        at = _at_rank(in_bins, begins, bins, in_order, ranks[i, c])
                        lows[c], highs[c] = at - tolerance, at + tolerance
                        decided &= highs[c] <= bound
                        low = min(max(int((lows[c] - least) * scale), 0), bins - 1)
                        high = min(max(int((highs[c] - least) * scale), 0), bins - 1)
                        closer[c], tied[c] = _window(in_bins, begins, low, high, lows[c], highs[c])
            if decided or bound == np.inf:
                break
            bound = np.inf
        c = 0
        while c < columns:
            # Columns of one question are counted in one pass: fetching a distance is what it costs.
            code, end = codes[i, c], c + 1
            while end < columns and end < c + 3 and codes[i, end] == code:
                end += 1
            second, third = min(c + 1, end - 1), end - 1
            bounds = highs[c], highs[second], highs[third]
            near_hits = _count_within(row, members, starts[code], starts[code + 1], *bounds)
            for column in range(c, end):
                rank = ranks[i, column]
                hits_within = near_hits[column - c]
                if rank == 0:
                    hits[i, column] = np.nan
                elif closer[column] + tied[column] == rank:
                    hits[i, column] = hits_within
                else:
                    below = np.nextafter(lows[column], -np.inf)
                    closer_hits = _count_within(
                        row, members, starts[code], starts[code + 1], below, below, below
                    )[0]
                    tied_hits = hits_within - closer_hits
                    share = (rank - closer[column]) * tied_hits / tied[column]
                    hits[i, column] = closer_hits + share
            c = end


@njit(nogil=True, cache=True)
def _count_within(
    row: Floats,
    members: Ints,
    first: np.uint64,
    end: np.uint64,
    bound: float,
    second: float,
    third: float,
) -> tuple[np.int32, np.int32, np.int32]:
    """Count the members, from place `first` on and before `end`, that lie in each bound."""
    in_bound, in_second, in_third = np.int32(0), np.int32(0), np.int32(0)
    for place in range(first, end):
        distance = row[members[place]]
        in_bound += np.int32(distance <= bound)
        in_second += np.int32(distance <= second)
        in_third += np.int32(distance <= third)
    return in_bound, in_second, in_third


@njit(nogil=True, cache=True)
def _guess(row: Floats, last: int, sample: int) -> float:
    """Return a distance that probably lies beyond the `last` nearest, from a sample of all."""
    sampled = row[:: max(1, len(row) // sample)].copy()
    place = int(1.1 * last * len(sampled) / len(row)) + sample // 64
    if place >= len(sampled):
        return np.inf
    return np.partition(sampled, place)[place]


@njit(nogil=True, cache=True)
def _take_near(row: Floats, bound: float, near: Floats) -> tuple[int, float, float]:
    """Copy the finite distances within the bound to `near`; return their number and extremes."""
    count, limit = 0, min(bound, np.finfo(np.float64).max)
    for distance in row:
        near[count] = distance
        count += distance <= limit
    least, most = np.inf, -np.inf
    for distance in near[:count]:
        least, most = min(least, distance), max(most, distance)
    return count, least, most


@njit(nogil=True, cache=True)
def _sort_into_bins(
    near: Floats, least: float, scale: float, bins: int, begins: Ints, in_bins: Floats
) -> None:
    """Write distances to `in_bins`, bin after bin of equal width; bin b begins at `begins[b]`."""
    begins[: bins + 1] = 0
    for distance in near:
        begins[min(int((distance - least) * scale), bins - 1)] += 1
    total = 0
    for b in range(bins):
        total, begins[b] = total + begins[b], total
    for distance in near:
        b = min(int((distance - least) * scale), bins - 1)
        in_bins[begins[b]] = distance
        begins[b] += 1
    for b in range(bins, 0, -1):
        begins[b] = begins[b - 1]
    begins[0] = 0


@njit(nogil=True, cache=True)
def _at_rank(
    in_bins: Floats, begins: Ints, bins: int, in_order: NDArray[np.bool_], rank: int
) -> float:
    """Return the `rank`-th smallest distance; the bin that holds it is put in order, once."""
    b = np.searchsorted(begins[: bins + 1], rank) - 1
    if not in_order[b]:
        in_bins[begins[b] : begins[b + 1]].sort()
        in_order[b] = True
    return in_bins[rank - 1]


@njit(nogil=True, cache=True)
def _window(
    in_bins: Floats, begins: Ints, low: int, high: int, lower: float, upper: float
) -> tuple[int, int]:
    """Return how many distances are below `lower`, and from there to `upper`, in these bins."""
    closer, within = begins[low], begins[low]
    for distance in in_bins[begins[low] : begins[high + 1]]:
        closer += distance < lower
        within += distance <= upper
    return closer, within - closer


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def weighted_sums(weights: Floats, between: Floats, codes: Ints) -> Floats:
    """Return the sums [P] of weights [n, n] times `between` [V, V] of the images' codes [P, n].

    Both matrices are symmetric with a zero diagonal in the weights; each pair counts once.
    """
    sums = np.zeros(len(codes))
    for i in range(len(weights)):
        row = weights[i]
        for p in range(len(codes)):
            codes_of_order = codes[p]
            by_code = between[codes_of_order[i]]
            total = 0.0
            for j in range(np.uint64(i)):
                total += row[j] * by_code[codes_of_order[j]]
            sums[p] += total
    return sums


@njit(nogil=True, cache=True)
def sums_by_run(
    runs: Ints, weights: Floats, staying: NDArray[np.bool_], count: int
) -> tuple[Ints, Floats]:
    """Return how many staying items are of each run, numbered below `count`, and their weights."""
    counts, sums = np.zeros(count, np.int64), np.zeros(count)
    for i in range(len(runs)):
        if staying[i]:
            counts[runs[i]] += 1
            sums[runs[i]] += weights[i]
    return counts, sums


@njit(nogil=True, cache=True)
def tally_pairs_within(
    table: Ints, members: Ints, starts: Ints, level: Ints, by_bin: Ints, by_level: Ints
) -> None:
    """Count pairs of members of one label by bin and by level; see `PairBins.tally_within`.

    Args:
        table: uint16 [n, n] bin of each pair.
        members: uint32 [P, M] images label by label, in each of P orders.
        starts: uint64 [C + 1] place of each label's first image, and the end of the last.
        level: [B] of each bin.
        by_bin, by_level: [P, B] and [P, C, L] to add to.
    """
    for p in range(len(members)):
        images, bins = members[p], by_bin[p]
        for label in range(len(starts) - 1):
            for i in range(starts[label], starts[label + 1]):
                row = table[images[i]]
                for j in range(starts[label], i):
                    bins[row[images[j]]] += 1
                    by_level[p, label, level[row[images[j]]]] += 1


@njit(nogil=True, cache=True)
def tally_partners(table: Ints, groups: Ints, level: Ints, tally: Ints) -> None:
    """Count the pairs of each image by its partner's group; see `PairBins.tally_partners`."""
    for i in range(len(table)):
        row, of_image = table[i], tally[i]
        for j in range(len(table)):
            of_image[groups[j], level[row[j]]] += 1


@njit(nogil=True, cache=True)
def count_ranked_hits(
    order: Ints,
    reach: int,
    codes: Ints,
    query_codes: Ints,
    ranks: Ints,
    windows: tuple[Ints, Ints, Ints],
    hits: Floats,
    ordered: Ints,
    weights: Floats,
    runs: tuple[Ints, Ints, Ints],
    harmonic: Floats,
    precision: Floats,
) -> None:
    """Count the hits of B queries under L labelings; see `ranked_sums.Counter`.

    Args:
        order: uint32 [B, K], neighbors, nearest first.
        reach: number of places that decide the hits.
        codes: [L, N] label of each image.
        query_codes: [L, B].
        ranks: [U, L, B], at least 1.
        windows: column of each rank in the others; [B, W] places low..high-1 are tied with the last
            of these ranks.
        hits: [U, L, B] to write to.
        ordered: [L, B] number of neighbors that the precision is averaged over, at least 1; [0, 0]
            for no average.
        weights: [1 or B, K] 1 / (place + 1), 0 at tied places.
        runs: number of each query's first run of tied places [B + 1]; their places low..high-1.
        harmonic: [M + 1] sum of 1/k for k = 1..i at place i.
        precision: in the shape of `ordered`, to write to.
    """
    hits_before = np.zeros(reach + 1, np.int32)
    for labeling in range(len(codes)):
        for b in range(len(order)):
            code = query_codes[labeling, b]
            _count_places(order[b], reach, codes[labeling], code, hits_before)
            _write_hits(hits_before, ranks[:, labeling], windows, b, hits[:, labeling])
            if len(ordered):
                rank, of_places = ordered[labeling, b], weights[b % len(weights)]
                total = _sum_precision(hits_before, rank, reach, of_places, runs, b, harmonic)
                precision[labeling, b] = total / rank


@njit(nogil=True, cache=True)
def _sum_precision(
    hits_before: Ints,
    rank: int,
    reach: int,
    weights: Floats,
    runs: tuple[Ints, Ints, Ints],
    b: int,
    harmonic: Floats,
) -> float:
    """Return the sum of the precision at each hit among the `rank` nearest of query b."""
    starts, lows, highs = runs
    total = 0.0
    for place in range(rank):
        if hits_before[place + 1] > hits_before[place]:
            total += hits_before[place + 1] * weights[place]
    for run in range(starts[b], starts[b + 1]):
        first, end = lows[run], min(highs[run], reach)
        if first >= rank:
            break
        before, length = hits_before[first], end - first
        hits_of_run, places = hits_before[end] - before, min(end, rank) - first
        h = harmonic[first + places] - harmonic[first]
        expected = (before + 1) * h
        expected += (hits_of_run - 1) / (length - 1) * (places - (first + 1) * h)
        total += hits_of_run / length * expected
    return total


@njit(nogil=True, cache=True)
def _count_places(order: Ints, reach: int, codes: Ints, code: int, hits_before: Ints) -> None:
    """Write the number of images of this label before each place to `hits_before` [reach + 1]."""
    count = np.int32(0)
    for place in range(reach):
        count += np.int32(codes[order[place]] == code)
        hits_before[place + 1] = count


@njit(nogil=True, cache=True)
def _write_hits(
    hits_before: Ints, ranks: Ints, windows: tuple[Ints, Ints, Ints], b: int, hits: Floats
) -> None:
    columns, low, high = windows
    for u in range(len(ranks)):
        column = columns[ranks[u, b]]
        first, end = low[b, column], high[b, column]
        closer = hits_before[first]
        tied_hits = hits_before[end] - closer
        hits[u, b] = closer + (ranks[u, b] - first) * tied_hits / (end - first)


@njit(nogil=True, cache=True)
def keep_images(
    order: Ints, squared: Floats, queries: Ints, staying: NDArray[np.bool_]
) -> tuple[Ints, Floats]:
    """Return the staying neighbors of some queries, as many as all of them have, and distances."""
    places = order.shape[1]
    for query in queries:
        count = 0
        for image in order[query]:
            count += staying[image]
        places = min(places, count)
    left = np.empty((len(queries), places), order.dtype)
    distances = np.empty((len(queries), places), squared.dtype)
    for i, query in enumerate(queries):
        count = 0
        for place in range(order.shape[1]):
            image = order[query, place]
            if staying[image] and count < places:
                left[i, count], distances[i, count] = image, squared[query, place]
                count += 1
    return left, distances


@njit(nogil=True, cache=True)
def count_exceeding(means: Floats, a: Ints, b: Ints, size: Floats, bound: Floats) -> Ints:
    """Return what `compare.simultaneous._count_exceeding` does."""
    exceeding = np.zeros(len(a), np.int64)
    for flip in range(len(means)):
        of_models, largest = means[flip], 0.0
        for pair in range(len(a)):
            t = abs(of_models[a[pair]] - of_models[b[pair]]) / size[pair]
            largest = max(largest, t)
            exceeding[pair] += largest >= bound[pair]
    return exceeding
