"""A dataset as one of the library `datasets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmldata.common.extras import import_extra
from dmldata.contract.tar import IMAGE_EXTENSIONS

if TYPE_CHECKING:
    from dmldata.dataset import Dataset


def hugging_face_dataset(dataset: Dataset) -> Any:
    """Return images, maps (mask, depth, normal) and all columns of samples.parquet, in its order.

    Raises:
        MissingPackageError: datasets is not installed.
    """
    datasets = import_extra("datasets")
    pictures = {
        extension: "image" if extension in IMAGE_EXTENSIONS else extension.removesuffix(".png")
        for extension in dataset.manifest.sample_files
        if extension != "json"
    }
    columns: dict[str, list[Any]] = {name: [] for name in pictures.values()}
    for sample, _ in dataset.files_iter():
        for extension, name in pictures.items():
            file = {"bytes": sample.files[extension], "path": f"{sample.key}.{extension}"}
            columns[name].append(file)
    rows = datasets.Dataset(dataset.samples)
    features = datasets.Features({name: datasets.Image() for name in columns} | dict(rows.features))
    return datasets.Dataset.from_dict(columns | rows.to_dict(), features=features)
