"""A dataset as one of the library `datasets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmldata.common.extras import import_extra

if TYPE_CHECKING:
    from dmldata.dataset import Dataset


def hugging_face_dataset(dataset: Dataset) -> Any:
    """Return the images, their masks and all columns of samples.parquet, in its order.

    Raises:
        MissingPackageError: datasets is not installed.
    """
    datasets = import_extra("datasets")
    pictures = {"image": "image", "mask": "mask.png"} if dataset.has_masks else {"image": "image"}
    columns: dict[str, list[Any]] = {name: [] for name in pictures}
    for sample, _ in dataset.files_iter():
        for name, extension in pictures.items():
            suffix = sample.image_extension if name == "image" else extension
            columns[name].append({"bytes": sample.files[suffix], "path": f"{sample.key}.{suffix}"})
    rows = datasets.Dataset(dataset.samples)
    features = datasets.Features(
        {name: datasets.Image() for name in pictures} | dict(rows.features)
    )
    return datasets.Dataset.from_dict(columns | rows.to_dict(), features=features)
