"""Score embeddings and labels that are read from files."""

from __future__ import annotations

from pathlib import Path

from dmlbench.scores.score import ScoredProperties
from dmlbench.scores.score_properties import measure_properties
from dmlbench.scores.uncertainty import PERMUTATIONS
from dmlbench.sources.embedding_file import load_embeddings
from dmlbench.sources.label_table import read_label_table
from dmlbench.sources.property_file import read_property_file
from dmldata.common.errors import InputError
from dmldata.common.progress import Progress


class ScoredFiles(ScoredProperties):
    """The scores of embeddings and labels in files.

    Attributes:
        notes: what had to be assumed about the table.
    """

    notes: tuple[str, ...]


def score_files(
    embeddings: str | Path,
    labels: str | Path,
    *,
    properties: str | Path | None = None,
    seed: int = 0,
    intervals: bool = True,
    chance: bool = True,
    permutations: int = PERMUTATIONS,
    max_queries: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ScoredFiles:
    """Score embeddings [N, D] in a .npy file by the properties in a table of N rows.

    Args:
        properties: file that describes the properties (see `sources.property_file`).

    The other settings and the result are those of `scores.score_properties`; the table is read by
    `label_table.read_label_table`.

    Raises:
        InputError: a file cannot be read, or the numbers of rows differ.
    """
    array = load_embeddings(embeddings)
    table = read_label_table(labels, read_property_file(properties) if properties else None)
    if array.ndim == 2 and len(array) != table.images:
        raise InputError(
            f"{labels}: {table.images} rows for {len(array)} embeddings in {embeddings}; "
            "valid: one row per embedding, in the same order"
        )
    scored = measure_properties(
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
    return ScoredFiles(**dict(scored), notes=table.notes)
