"""Scores from files: embeddings as .npy, labels as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmlbench.embedding_file import load_embeddings
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
