"""Scores from files: embeddings as .npy, labels as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dmlbench.label_table import read_label_table
from dmlbench.properties import score_properties
from dmlbench.properties.intervals import PERMUTATIONS
from dmlbench.properties.parallel import Progress
from dmldata.errors import InputError


def score_files(
    embeddings: str | Path,
    labels: str | Path,
    *,
    seed: int = 0,
    intervals: bool = True,
    chance: bool = True,
    permutations: int = PERMUTATIONS,
    max_queries: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score embeddings [N, D] in a .npy file by the properties in a CSV file of N rows.

    The settings and the result are those of `properties.score_properties`; the table is that of
    `label_table.read_label_table`.

    Raises:
        InputError: a file cannot be read, or the two do not go together.
    """
    array = load_embeddings(embeddings)
    table = read_label_table(labels)
    if array.ndim == 2 and len(array) != table.images:
        raise InputError(
            f"{labels}: {table.images} rows for {len(array)} embeddings in {embeddings}; "
            "valid: a row an embedding, in the same order"
        )
    return score_properties(
        array,
        table.properties,
        scenes=table.scenes,
        seed=seed,
        intervals=intervals,
        chance=chance,
        permutations=permutations,
        max_queries=max_queries,
        threads=threads,
        progress=progress,
    )


def load_embeddings(path: str | Path) -> NDArray[Any]:
    """The array in a .npy file; one that holds pickled objects is refused, never executed.

    Raises:
        InputError: the file cannot be read, is not a .npy file, or holds objects.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = (
                npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            )
            dtype = read_header(file)[2]
        if dtype.hasobject:
            raise InputError(
                f"{path}: holds pickled objects (dtype {dtype}); valid: an array of numbers"
            )
        loaded: NDArray[Any] = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; valid: a .npy file") from None
    except (ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}; valid: a whole .npy file") from None
    return loaded
