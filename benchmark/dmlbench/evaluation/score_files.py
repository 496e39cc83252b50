"""Score embeddings and labels that are read from files."""

from __future__ import annotations

from pathlib import Path

from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.score import ScoredProperties
from dmlbench.scores.score_properties import measure_properties
from dmlbench.sources.embedding_file import load_embeddings
from dmlbench.sources.label_table import read_label_table
from dmlbench.sources.property_file import read_property_file
from dmldata.common.errors import InputError


def score_files(
    embeddings: str | Path,
    labels: str | Path,
    settings: ScoreSettings | None = None,
    *,
    properties: str | Path | None = None,
) -> ScoredProperties:
    """Score embeddings [N, D] in a file by the properties in a table of N rows.

    The result is that of `scores.score_properties`; its notes also say what had to be assumed about
    the table.

    Args:
        embeddings: file that `load_embeddings` reads (.npy, .npz, .pt, .parquet).
        labels: file that `label_table.read_label_table` reads.
        settings: how to score; the defaults of `scores.score_properties` if None.
        properties: file that describes the properties (see `sources.property_file`).

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
        array, table.properties, settings or ScoreSettings(), scenes=table.scenes
    )
    return scored.model_copy(update={"notes": (*scored.notes, *table.notes)})
