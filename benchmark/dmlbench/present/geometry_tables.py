"""The shape of embeddings, whatever the properties: a line, a table, and rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dmlbench.present.documents import Number
from dmlbench.present.numbers import interval, number
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, names
from dmlbench.results.files import EmbeddingGeometry
from dmlbench.scores.registry import EMBEDDING_SCORES, readings
from dmlbench.scores.score import ABSENT


def geometry_line(geometry: EmbeddingGeometry) -> str:
    """Describe the embeddings whatever the properties."""
    parts = []
    for declaration in EMBEDDING_SCORES:
        score, digits = geometry.scores.get(declaration.key, ABSENT), declaration.digits
        parts.append(
            f"{declaration.title} {number(score.value, digits)} (95 % interval "
            f"{interval(score.ci95, digits)}; of random directions "
            f"{number(geometry.random.get(declaration.key), digits)})"
        )
    return f"embeddings: {', '.join(parts)}"


def geometry_table(geometries: Mapping[str, EmbeddingGeometry]) -> Table:
    """Return one row per model.

    Args:
        geometries: by label of the model.
    """
    columns = [*names("model")]
    for declaration in EMBEDDING_SCORES:
        columns.append(Column(declaration.title, declaration.digits))
        columns.append(Column("of random directions", declaration.digits, short="random", spare=1))
    rows: list[Row] = []
    for label, geometry in geometries.items():
        cells: list[Cell] = []
        for declaration in EMBEDDING_SCORES:
            score = geometry.scores.get(declaration.key, ABSENT)
            cells += [Estimate(score.value, score.ci95), geometry.random.get(declaration.key)]
        rows.append((label, *cells))
    note = (
        f"{readings(EMBEDDING_SCORES)} Of random directions: the value of as many of them in as "
        "many dimensions."
    )
    return Table("Shape of the embeddings (95 % interval)", columns, rows, note)


def geometry_numbers(geometry: EmbeddingGeometry, model: str | None = None) -> Iterator[Number]:
    """Yield a number for each score, and for its value of random directions."""
    for key, score in geometry.scores.items():
        yield Number("embeddings", key, score.value, model, ci95=score.ci95)
        yield Number("embeddings", f"{key}_random", geometry.random.get(key), model)
