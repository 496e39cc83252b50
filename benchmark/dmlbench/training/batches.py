"""Draw and augment the images of each batch, as a function of the seed and the step alone.

Nothing here depends on earlier batches or on the number of worker processes, so that an interrupted
training resumes with exactly the batches that it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pytorch_metric_learning.samplers import MPerClassSampler
from torch.utils.data import Dataset, Sampler

from dmlbench.models import Preprocessing
from dmlbench.models.execution import seeded
from dmlbench.models.preprocessing import INTERPOLATIONS
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.training.decoded import DecodedImages
from dmlbench.training.hyperparameters import Hyperparameters


class Draw(NamedTuple):
    """An image in a batch: its row, and the seed of its augmentation."""

    row: int
    seed: int


class ClassBatches(Sampler[Draw]):
    """The draws of an epoch, batch after batch, each with M images per class of the batch.

    Args:
        rows: rows of the images to draw from.
        classes: class of each of these images.
        per_class, batch, steps: M, images in a batch, batches in an epoch.
        seed: seed of all epochs; `rank` distinguishes devices that train together.
        epoch: returns the number of the epoch that begins. It is called at the start of the epoch,
            as Lightning informs samplers too late for processes that prepare batches ahead.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        classes: Sequence[int],
        per_class: int,
        batch: int,
        steps: int,
        seed: int,
        rank: int,
        epoch: Callable[[], int],
    ) -> None:
        self._rows, self._classes = rows, list(classes)
        self._per_class, self._batch, self._length = per_class, batch, batch * steps
        self._key = (seed, rank)
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng((*self._key, self._epoch()))
        seeds = rng.integers(2**31, size=self._length + 1).tolist()
        # The sampler draws everything at once from NumPy's global generator.
        with seeded(seeds.pop()):
            chosen = list(
                MPerClassSampler(self._classes, self._per_class, self._batch, self._length)
            )
        for place, seed in zip(chosen, seeds, strict=True):
            yield Draw(int(self._rows[place]), seed)


class TrainingImages(Dataset[tuple[NDArray[np.uint8], int]]):
    """Maps a draw to (pixels [H, W, 3], class): a random crop of the image, perhaps flipped.

    The learner normalizes pixels, a batch at once and on its device.
    Source: Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020): resized, random resized
    crop, horizontal flip.
    """

    def __init__(
        self,
        images: DecodedImages,
        classes: Sequence[int],
        preprocessing: Preprocessing,
        hyperparameters: Hyperparameters,
    ) -> None:
        self._images, self._classes = images, list(classes)
        self._hyperparameters = hyperparameters
        self._size = preprocessing.input_size
        self._filter = INTERPOLATIONS[preprocessing.interpolation]

    def __getitem__(self, draw: Any) -> tuple[NDArray[np.uint8], int]:
        row, seed = draw
        with seeded(seed):
            image = self._changed(self._images[row])
        return np.array(image), self._classes[row]

    def _changed(self, image: Image.Image) -> Image.Image:
        scale, ratio = self._hyperparameters.crop_scale, self._hyperparameters.crop_ratio
        crop = _transforms().RandomResizedCrop.get_params(image, list(scale), list(ratio))
        top, left, height, width = crop
        part = image.crop((left, top, left + width, top + height))
        part = part.resize((self._size[1], self._size[0]), self._filter)
        flipped = float(torch.rand(())) < self._hyperparameters.flip
        return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else part


class EvaluationImages(Dataset[tuple[NDArray[np.uint8], int]]):
    """Maps places 0..N-1 to (pixels [H, W, 3], place), as evaluation shows them to the model."""

    def __init__(
        self, images: DecodedImages, rows: NDArray[np.int64], preprocessing: Preprocessing
    ) -> None:
        self._images, self._rows, self._preprocessing = images, rows, preprocessing

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> tuple[NDArray[np.uint8], int]:
        return self._preprocessing.pixels(self._images[int(self._rows[place])]), place


def _transforms() -> Any:
    ensure_torchvision_imports()
    from torchvision import transforms

    return transforms
