"""Copy what a study needs to go on elsewhere: its steps, and its results, rounded to be small.

    python measurements/small_results.py OUT COPY

COPY gets `steps/` of the study in OUT and of its results those files that models are compared by:
maps rounded to 1/63 and embeddings to 1/127 of their largest number, those of images that models
are not compared on left out. `dmlbench study --out COPY` goes on with them. Files that COPY has
already stay as they are. Prints the lowest correlation of a map, and of the distances between
embeddings, with what they were, and the size of COPY.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from dmlbench.comparison.representations import compared_rows
from dmlbench.maps import pearson
from dmlbench.results.arrays import write_arrays
from dmlbench.results.folder import EMBEDDINGS, MAPS
from dmlbench.sources.embedding_file import load_array, load_arrays
from dmldata.common.files import atomic_file, sha256_of, write_atomic

RESULTS = "results"
MAP_LEVELS, EMBEDDING_LEVELS = 63, 127


def rounded(array: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """Round numbers to multiples of their largest magnitude / levels."""
    unit = np.float32(np.abs(array).max() / levels)
    return np.asarray(np.round(array / unit) * unit, np.float32)


def copy_maps(file: Path, to: Path) -> float:
    """Write rounded maps, and return the lowest correlation of one with what it was."""
    arrays = load_arrays(file)
    maps = arrays["maps"].astype(np.float32)
    small = np.stack([rounded(each, MAP_LEVELS) for each in maps])
    write_arrays(to, {**arrays, "maps": small.astype(np.float16)}, compressed=True)
    return float(pearson(maps, small).min())


def copy_embeddings(file: Path, to: Path) -> float:
    """Write rounded embeddings, and return the correlation of their distances with the others.

    They are of images without scenes, as those are that a study compares models on.
    """
    embeddings = load_array(file)
    fingerprint = file.parent.name
    rows = compared_rows(len(embeddings), None, np.random.default_rng(int(fingerprint, 16)))
    small = np.zeros_like(embeddings)
    small[rows] = rounded(embeddings[rows], EMBEDDING_LEVELS)
    with atomic_file(to) as stream:
        np.save(stream, small)
    distances = [pdist(each[rows]) for each in (embeddings, small)]
    return float(np.corrcoef(*distances)[0, 1])


def copy_small(out: Path, copy: Path) -> dict[str, float]:
    """Copy, and return the lowest correlation of a map and of distances with what they were."""
    (copy / "steps").mkdir(parents=True, exist_ok=True)
    # Of a study that runs: a step is written after its results.
    steps = sorted(out.glob("steps/*.json"))
    digests, least = {}, {MAPS: 1.0, EMBEDDINGS: 1.0}
    # Embeddings of images without maps are of classes, and those of other methods are the same.
    with_maps = sorted(out.glob(f"results*/*/*/{MAPS}"))
    embedded = [each.with_name(EMBEDDINGS) for each in with_maps if each.parts[-4] == RESULTS]
    for write, files in ((copy_maps, with_maps), (copy_embeddings, embedded)):
        for file in files:
            to = copy / file.relative_to(out)
            if not to.is_file():
                to.parent.mkdir(parents=True, exist_ok=True)
                least[file.name] = min(least[file.name], write(file, to))
            digests[sha256_of(file)] = sha256_of(to)
    for step in steps:
        text = step.read_text("utf-8")
        for before, after in digests.items():
            text = text.replace(before, after)
        # Steps of earlier versions name the folder of the models.
        text = text.replace(f'"{out}/', '"')
        write_atomic(copy / "steps" / step.name, text)
    return least


def main() -> None:
    """Copy, and print what rounding changed."""
    out, copy = map(Path, sys.argv[1:])
    least = copy_small(out, copy)
    size = sum(file.stat().st_size for file in copy.rglob("*") if file.is_file())
    print(
        f"maps: r {least[MAPS]:.5f}; distances: r {least[EMBEDDINGS]:.5f}; {size / 2**20:.1f} MiB"
    )


if __name__ == "__main__":
    main()
