"""A dataset as images and labels of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch.utils.data import Dataset as TorchDataset

from dmldata.contract.decode import decode_image

if TYPE_CHECKING:
    from dmldata.dataset import Dataset


class TorchImages(TorchDataset[tuple[Any, int]]):
    """Images with one label each, in the order of samples.parquet.

    Item `i` is `(image, label)`: an RGB image of Pillow, or what `transform` makes of it, and the
    index of the label in `classes`; -1 where the factor does not apply. The compressed images are
    read into memory once.

    Attributes:
        keys: the key of each image.
        classes: the values of the factor that is the label.
        targets: the label of each image.
    """

    def __init__(
        self, dataset: Dataset, label: str, transform: Callable[[Image.Image], Any] | None = None
    ) -> None:
        self.classes = list(dataset.manifest.factor(label).values)
        self.targets: list[int] = dataset.labels(label).tolist()
        self.transform = transform
        samples = [sample for sample, _ in dataset.encoded_samples()]
        self.keys = [sample.key for sample in samples]
        self._size = dataset.manifest.image_size
        self._extensions = [sample.image_extension for sample in samples]
        self._images = [sample.files[sample.image_extension] for sample in samples]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        extension = self._extensions[place]
        where = f"{self.keys[place]}.{extension}"
        image = decode_image(self._images[place], extension, self._size, where)
        return image if self.transform is None else self.transform(image), self.targets[place]
