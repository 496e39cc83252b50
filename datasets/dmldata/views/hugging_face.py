"""A dataset as one of the library `datasets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmldata.common.extras import import_extra
from dmldata.contract.decode import check_header
from dmldata.contract.tar import PICTURE_COLUMNS

if TYPE_CHECKING:
    from dmldata.dataset import Dataset


def hugging_face_dataset(dataset: Dataset) -> Any:
    """Return images, maps (mask, depth, normal) and all columns of samples.parquet, in its order.

    Raises:
        MissingPackageError: datasets is not installed.
        DatasetError: a picture is not of the format that its extension names, or of another size.
    """
    datasets = import_extra("datasets")
    pictures = [name for name in dataset.manifest.sample_files if name in PICTURE_COLUMNS]
    columns: dict[str, list[Any]] = {PICTURE_COLUMNS[extension]: [] for extension in pictures}
    for sample, _ in dataset.encoded_samples():
        for extension in pictures:
            name, data = f"{sample.key}.{extension}", sample.files[extension]
            check_header(data, extension, dataset.manifest.image_size, name)
            file = {"bytes": data, "path": name}
            columns[PICTURE_COLUMNS[extension]].append(file)
    rows = datasets.Dataset(dataset.samples)
    features = datasets.Features({name: datasets.Image() for name in columns} | dict(rows.features))
    return datasets.Dataset.from_dict(columns | rows.to_dict(), features=features)
