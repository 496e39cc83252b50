"""Image folders: split/class/key.jpg, with the rows in samples.parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dmldata.card.hub import files_of_splits
from dmldata.common.errors import InputError
from dmldata.contract.factors import Factor
from dmldata.contract.samples import SAMPLES_FILE, Row
from dmldata.contract.shards import Sample
from dmldata.dataset import Dataset
from dmldata.export.formats import Content
from dmldata.export.records import columns, write_new

_UNSAFE = re.compile(r"[^\w.+-]|^\.")
"""What a folder's name cannot hold on some system, or what would hide the folder."""


def write(
    dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]], label: str
) -> Content:
    """Write a dataset in this format; see `dmldata.export.formats.Writer`.

    Raises:
        UnknownNameError: there is no such label.
        InputError: the label applies to no image, or two of its values are the same as folders.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    factor = dataset.manifest.factor(label)
    classes = class_folders(factor)
    labeled = columns(dataset).filter(pc.is_valid(dataset.samples[label]))
    if not labeled.num_rows:
        raise InputError(f"label '{label}' applies to no image of {dataset.url}")
    files = []
    for sample, row in samples:
        number = factor.bin_of(row[label])
        if number is None:
            continue
        extension = sample.image_extension
        file = f"{row['split']}/{classes[number]}/{sample.key}.{extension}"
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_new(folder / file, sample.files[extension])
        files.append(file)
    table = labeled.add_column(0, "file_name", pa.array(files, pa.string()))
    pq.write_table(table, folder / SAMPLES_FILE, compression="zstd")
    # Hugging Face datasets loads nothing where a split has no file.
    splits = [
        split for split in dataset.manifest.splits if split in set(labeled["split"].to_pylist())
    ]
    return Content(
        len(files),
        _files_text(factor),
        _loading_text(splits[0]),
        files_of_splits(splits, "{split}/**"),
    )


def class_folders(factor: Factor) -> list[str]:
    """Return the name of the folder of each value of a factor.

    Numbers have the bin in front, so that folders that are sorted by name are in the order of the
    values. In names, characters that are not allowed everywhere are replaced by '-'.

    Raises:
        InputError: two values have the same folder.

    >>> hue = Factor(key="hue", group="color", kind="linear", meaning="-", values=(0.0, 0.25))
    >>> class_folders(hue)
    ['0_0', '1_0.25']
    >>> car = Factor(key="car", group="car", kind="categorical", meaning="-", values=("my:van-1",))
    >>> class_folders(car)
    ['my-van-1']
    """
    if factor.is_numeric:
        digits = len(str(len(factor.values) - 1))
        return [f"{bin_:0{digits}}_{value:g}" for bin_, value in enumerate(factor.values)]
    folders = [_UNSAFE.sub("-", str(value)) or "-" for value in factor.values]
    # Some systems do not tell apart upper and lower case.
    folded = [folder.casefold() for folder in folders]
    for place, folder in enumerate(folded):
        first = folded.index(folder)
        if first < place:
            raise InputError(
                f"label '{factor.key}': its values '{factor.values[first]}' and "
                f"'{factor.values[place]}' would both be in the folder '{folders[place]}'"
            )
    return folders


def _files_text(factor: Factor) -> str:
    numbered = ": its bin, then its value" if factor.is_numeric else ""
    return f"""\
- `<split>/<class>/<key>.jpg` (or `.png`): the images, as in the shards. The class is
  `{factor.key}`{numbered}.
- `samples.parquet`: every column of the dataset's own file of this name (values and bins of the
  factors, the car's box, camera, credits), and `file_name`. It lies beside the splits, since
  Hugging Face `datasets` takes no labels from folders that hold a file with metadata."""


def _loading_text(split: str) -> str:
    return f"""\
```python
from torchvision.datasets import ImageFolder

images = ImageFolder("FOLDER/{split}")
```

Also in `timm.data.create_dataset("", "FOLDER", split="{split}")` and in
`datasets.load_dataset("imagefolder", data_dir="FOLDER")`. Go by the names of classes: the tools
number the folders of a split from 0, and timm sorts them without regard to case."""
