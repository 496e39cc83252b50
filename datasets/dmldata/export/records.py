"""What all formats say of an image besides its pixels: its row of samples.parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmldata.contract.samples import Row
from dmldata.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

LEFT_OUT = "shard"
"""The column that says nothing outside the dataset's own shards."""
ROWS_AT_ONCE = 1000


def columns(dataset: Dataset) -> pa.Table:
    """Return samples.parquet without the column of shards."""
    return dataset.samples.drop_columns([LEFT_OUT])


def records(dataset: Dataset) -> Iterator[Row]:
    """Yield the rows of `columns`."""
    for batch in columns(dataset).to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()


def record(row: Row) -> dict[str, Any]:
    """Return a row as in `columns`."""
    return {name: value for name, value in row.items() if name != LEFT_OUT}


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet."""
    with path.open("xb") as file:
        file.write(data)
