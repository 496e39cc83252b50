"""Exact NR-Precision of eleven properties: dmlbench beside faiss and beside sorting everything.

    python measurements/properties.py [IMAGES] [QUERIES]

IMAGES (100000) random embeddings of 128 dimensions (float32) and eleven properties with the paper's
kinds of bins (6 car models, so up to a sixth of the images are neighbors to count). Ways:

- dmlbench: all eleven in one pass over the distances, all queries (`dmlbench.scores`); also with
  NumPy alone, as where numba is not installed;
- the float32 products of all embeddings with all others alone, by PyTorch's BLAS and by NumPy's: no
  way that looks at every distance takes less;
- the released code's way: faiss, exact search for 1,023 neighbors, once per property, then
  counting labels; its NR-Precision is the paper's setting. Also with one search for all;
- sorting: every row of distances sorted once for all properties, on the same two threads.

All but the first two are timed on the first QUERIES (5000) queries, against all images, and scaled
to all; every way has two threads and runs in a process of its own, whose peak memory is printed.
Where two ways compute the same number, the largest difference is printed. Needs `faiss-cpu`.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

BINS = (6, 36, 36, 10, 10, 36, 10, 10, 10, 10, 36)
DIMENSIONS, THREADS, CAP = 128, 2, 1023
GROWTH = (0.125, 0.25, 0.5, 2.0)
"""Multiples of IMAGES at which dmlbench is timed, too."""


def data(images: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Normalized embeddings [N, 128] that hold some of the properties, and eleven labels [N]."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, bins, images) for bins in BINS]
    x = rng.normal(size=(images, DIMENSIONS)).astype(np.float32)
    for column, one in enumerate(labels[:6]):
        x[:, column] += one / one.max()
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels


def z_scores(hits: np.ndarray, labels: np.ndarray, own: np.ndarray, cap: int) -> float:
    """Mean over queries of (H - Rp) / sqrt(Rp(1 - p)), all labels occurring more than once."""
    sizes = np.bincount(labels)[own]
    ranks, share = np.minimum(sizes - 1, cap), sizes / len(labels)
    return float(((hits - ranks * share) / np.sqrt(ranks * share * (1 - share))).mean())


def by_dmlbench(images: int, queries: int) -> dict[str, Any]:
    """Both settings: embeddings are normalized, so that one pass serves them."""
    from dmlbench.scores._kernels.distances import prepare_points
    from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
    from dmlbench.scores._kernels.units import Units

    x, labels = data(images)
    began = perf_counter()
    ranks = [np.bincount(one)[one] - 1 for one in labels]
    questions = [
        Question(one, np.stack([r, np.minimum(r, CAP)], axis=1))
        for one, r in zip(labels, ranks, strict=True)
    ]
    points = prepare_points(x, normalize=True)
    hits = count_hits(points, Units.of(np.arange(len(x))), questions, threads=THREADS)
    seconds = perf_counter() - began
    columns = {"nr_precision": (0, images), "nr_precision_paper": (1, CAP)}
    scores = {
        name: [
            z_scores(found[:queries, column], one, one[:queries], cap)
            for found, one in zip(hits, labels, strict=True)
        ]
        for name, (column, cap) in columns.items()
    }
    return {"seconds": seconds, **scores}


def by_numpy(images: int, queries: int) -> dict[str, Any]:
    sys.modules["numba"] = None  # type: ignore[assignment]
    return by_dmlbench(images, queries)


def products(images: int, queries: int, multiply: Callable[[Any, Any, Any], Any]) -> dict[str, Any]:
    """All products of some queries in blocks, whose memory is used again."""
    x = data(images)[0]
    rows = max(1, 16_000_000 // images)
    buffers = [np.empty((rows, images), np.float32) for _ in range(THREADS)]

    def work(start: int) -> None:
        block = x[start : min(start + rows, queries)]
        multiply(block, x.T, buffers[(start // rows) % THREADS][: len(block)])

    began = perf_counter()
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(0, queries, rows)))
    return {"seconds": (perf_counter() - began) * images / queries}


def products_by_torch(images: int, queries: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)

    def multiply(a: Any, b: Any, out: Any) -> None:
        torch.mm(*map(torch.from_numpy, (a, b)), out=torch.from_numpy(out))

    return products(images, queries, multiply)


def products_by_numpy(images: int, queries: int) -> dict[str, Any]:
    return products(images, queries, lambda a, b, out: np.matmul(a, b, out=out))


def by_faiss(images: int, queries: int, searches: int) -> dict[str, Any]:
    import faiss

    x, labels = data(images)
    faiss.omp_set_num_threads(THREADS)
    began = perf_counter()
    index = faiss.IndexFlatL2(DIMENSIONS)
    index.add(x)
    scores = []
    for i, one in enumerate(labels):
        if i < searches:
            found = index.search(x[:queries], CAP + 1)[1][:, 1:]
        own = one[:queries]
        ranks = np.minimum(np.bincount(one)[own] - 1, CAP)
        same = one[found] == own[:, None]
        hits = (same & (np.arange(CAP) < ranks[:, None])).sum(axis=1)
        scores.append(z_scores(hits, one, own, CAP))
    return {"seconds": (perf_counter() - began) * images / queries, "nr_precision_paper": scores}


def by_sorting(images: int, queries: int) -> dict[str, Any]:
    x, labels = data(images)
    norms = np.einsum("nd,nd->n", x, x)
    hits = [np.empty(queries) for _ in labels]

    def work(start: int) -> None:
        rows = np.arange(start, min(start + 50, queries))
        squared = norms[rows][:, None] + norms - 2 * x[rows] @ x.T
        squared[np.arange(len(rows)), rows] = -1
        order = np.argsort(squared, axis=1)[:, 1:]
        for found, one in zip(hits, labels, strict=True):
            ranks = np.bincount(one)[one[rows]] - 1
            same = one[order] == one[rows][:, None]
            found[rows] = (same & (np.arange(images - 1) < ranks[:, None])).sum(axis=1)

    began = perf_counter()
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(0, queries, 50)))
    seconds = (perf_counter() - began) * images / queries
    scores = [
        z_scores(found, one, one[:queries], images) for found, one in zip(hits, labels, strict=True)
    ]
    return {"seconds": seconds, "nr_precision": scores}


WAYS = {
    "dmlbench, all properties in one pass": by_dmlbench,
    "dmlbench, NumPy alone": by_numpy,
    "products alone, PyTorch": products_by_torch,
    "products alone, NumPy": products_by_numpy,
    "faiss, a search a property": lambda images, queries: by_faiss(images, queries, len(BINS)),
    "faiss, one search for all": lambda images, queries: by_faiss(images, queries, 1),
    "sorting every row once": by_sorting,
}


def measure(name: str, images: int, queries: int) -> dict[str, Any]:
    """One way in a process of its own."""
    command = [sys.executable, __file__, "--way", name, str(images), str(queries)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The largest difference between the scores that both have."""
    shared = one.keys() & other.keys() - {"seconds", "memory"}
    return ", ".join(
        f"{name}: {np.abs(np.subtract(one[name], other[name])).max():.1e}"
        for name in sorted(shared)
    )


def main() -> None:
    if sys.argv[1:2] == ["--way"]:
        found = WAYS[sys.argv[2]](int(sys.argv[3]), int(sys.argv[4]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(found | {"memory": memory}))
        return
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    queries = min(images, int(sys.argv[2]) if len(sys.argv) > 2 else 5_000)
    print("| images | way | s | times dmlbench | GB | largest difference of a score |")
    print("|---|---|---|---|---|---|")
    ours: dict[str, Any] = {}
    for name in WAYS:
        found = measure(name, images, queries)
        ours = ours or found
        times = f"{found['seconds'] / ours['seconds']:.1f}"
        print_row(images, name, found, times, difference(ours, found) if found is not ours else "")
    for share in GROWTH:
        some = int(images * share)
        name = next(iter(WAYS))
        print_row(some, name, measure(name, some, min(some, queries)), "", "")


def print_row(images: int, name: str, found: dict[str, Any], times: str, same: str) -> None:
    memory = f"{found['memory'] / 1e6:.2f}"
    print(
        f"| {images} | {name} | {found['seconds']:.0f} | {times} | {memory} | {same} |", flush=True
    )


if __name__ == "__main__":
    main()
