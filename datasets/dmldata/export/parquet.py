"""Parquet with embedded images, as the viewer of the Hugging Face Hub and `datasets` read them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from dmldata.card.hub import files_of_splits
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import Row
from dmldata.contract.shards import Sample
from dmldata.contract.tar import PICTURE_COLUMNS
from dmldata.dataset import Dataset
from dmldata.export.formats import Content
from dmldata.export.records import columns, record

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "data"
ROWS_IN_GROUP = 100
"""Rows that are read together: few, as each has its images."""


def write(
    dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]], _label: str
) -> Content:
    """Write a dataset in this format; see `dmldata.export.formats.Writer`.

    Each shard becomes one file, in row groups of `ROWS_IN_GROUP`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / FOLDER).mkdir()
    pictures = [
        PICTURE_COLUMNS[file] for file in dataset.manifest.sample_files if file in PICTURE_COLUMNS
    ]
    schema = _schema(dataset, pictures)
    names = _file_names(dataset.manifest)
    # Dictionaries of images would only cost time.
    form = {"compression": "zstd", "use_dictionary": columns(dataset).schema.names}
    for shard, of_shard in groupby(samples, key=lambda item: item[1]["shard"]):
        path = folder / FOLDER / names[shard]
        with pq.ParquetWriter(path, schema, write_page_index=True, **form) as file:
            while rows := [_row(*item) for item in islice(of_shard, ROWS_IN_GROUP)]:
                file.write_table(pa.Table.from_pylist(rows, schema))
    return Content(
        len(dataset),
        _files_text(pictures),
        _loading_text(next(iter(dataset.manifest.splits))),
        files_of_splits(dataset.manifest.splits, FOLDER + "/{split}-*.parquet"),
    )


def _row(sample: Sample, row: Row) -> dict[str, object]:
    pictures = {
        PICTURE_COLUMNS[extension]: {"bytes": data, "path": f"{sample.key}.{extension}"}
        for extension, data in sample.files.items()
        if extension in PICTURE_COLUMNS
    }
    return {**pictures, **record(row)}


def _file_names(manifest: Manifest) -> dict[str, str]:
    """Return the name of the file of each shard."""
    totals = Counter(shard.split for shard in manifest.shards)
    done = Counter[str]()
    names = {}
    for shard in manifest.shards:
        number, total = done[shard.split], totals[shard.split]
        names[shard.file] = f"{shard.split}-{number:05d}-of-{total:05d}.parquet"
        done[shard.split] += 1
    return names


def _schema(dataset: Dataset, pictures: list[str]) -> pa.Schema:
    """Return the columns, with the features of Hugging Face `datasets` as metadata."""
    import pyarrow as pa

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    described = list(columns(dataset).schema)
    features = {
        **{name: {"_type": "Image"} for name in pictures},
        **{field.name: _feature(field.type) for field in described},
    }
    return pa.schema(
        [*((name, picture) for name in pictures), *described],
        {"huggingface": json.dumps({"info": {"features": features}})},
    )


def _feature(arrow_type: pa.DataType) -> dict[str, object]:
    import pyarrow as pa

    if pa.types.is_fixed_size_list(arrow_type):
        # `datasets` 4 calls it List, and reads this name, too.
        inner = _feature(arrow_type.value_type)
        return {"_type": "Sequence", "feature": inner, "length": arrow_type.list_size}
    kind = "float64" if pa.types.is_floating(arrow_type) else str(arrow_type)
    return {"_type": "Value", "dtype": kind}


def _files_text(pictures: list[str]) -> str:
    named = ", ".join(f"`{name}`" for name in pictures)
    return f"""\
- `data/<split>-<number>-of-<total>.parquet`: a row per image. {named}: the files of the shards,
  byte by byte. The other columns are those of the dataset's `samples.parquet` (values and bins of
  the factors, the car's box, camera, credits)."""


def _loading_text(split: str) -> str:
    return f"""\
```python
from datasets import load_dataset

images = load_dataset("parquet", data_files="FOLDER/data/{split}-*.parquet", split="train")
image = images[0]["image"]
```

Or `load_dataset("FOLDER", split="{split}")`; without the images
`pandas.read_parquet("FOLDER/data", columns=["key", "split"])`."""
