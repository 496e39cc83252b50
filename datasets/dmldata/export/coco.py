"""COCO: images/ and annotations.json, with the car and its visible parts as objects.

Segmentations are run lengths, which hold a mask exactly; polygons would not. They are compressed as
pycocotools does it: in memory and on disk, lists of numbers take many times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmldata.card.licenses import license_name, license_url
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import Row
from dmldata.contract.shards import IMAGE_EXTENSIONS, Sample
from dmldata.dataset import Dataset
from dmldata.export.formats import Content
from dmldata.export.json_lists import write_json
from dmldata.export.records import records, write_new
from dmldata.export.regions import CATEGORIES, regions_of

IMAGES, ANNOTATIONS = "images", "annotations.json"
LICENSE_ID = 1

_FILES = """\
- `images/<key>.jpg` (or `.png`): the images, as in the shards.
- `annotations.json`: in `images` a record per image with every column of the dataset's
  `samples.parquet` (values and bins of the factors, split, camera, credits); in `annotations` the
  car and each of its visible parts, with box, area and segmentation (RLE: exactly the pixels of
  the dataset's mask). The category of a part is its value in the mask. `info` has the
  credits."""

_LOADING = """\
```python
from pycocotools.coco import COCO

coco = COCO("FOLDER/annotations.json")
for annotation in coco.loadAnns(coco.getAnnIds(imgIds=1)):
    mask = coco.annToMask(annotation)  # uint8 [H, W]
factors = coco.loadImgs(1)[0]
```"""


def write(
    dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]], _label: str
) -> Content:
    """Write a dataset in this format; see `dmldata.export.formats.Writer`."""
    (folder / IMAGES).mkdir()
    manifest = dataset.manifest
    document = {
        "info": _info(manifest),
        "licenses": [
            {
                "id": LICENSE_ID,
                "name": license_name(manifest.license),
                "url": license_url(manifest.license),
            }
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": "car"}
            for number, name in CATEGORIES.items()
        ],
        "images": _images(dataset),
        "annotations": _annotations(dataset, folder / IMAGES, samples),
    }
    write_json(folder / ANNOTATIONS, document)
    return Content(len(dataset), _FILES, _LOADING, {})


def run_lengths(pixels: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of False and True pixels [H, W] in turn, down each column.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    [1, 3]
    >>> run_lengths(np.array([[True, False], [True, False]]))
    [0, 2, 2]
    """
    line = pixels.ravel(order="F")
    starts = np.flatnonzero(np.diff(line, prepend=False))
    return [int(length) for length in np.diff(starts, prepend=0, append=line.size)]


def compressed(counts: list[int]) -> str:
    """Return run lengths as COCO's text of 5 bits per character, lowest first.

    From the fourth on it holds the difference from the length two before, which has the same color.
    Source: `rleToString` of pycocotools (maskApi.c).

    >>> compressed([6, 1, 40, 4, 5, 4, 5, 4, 21])
    '61X13mN000`0'
    """
    text = []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            # The highest of the bits is the sign of what is left.
            more = rest != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * more))
    return "".join(text)


def _info(manifest: Manifest) -> dict[str, object]:
    return {
        "description": f"{manifest.name}: {manifest.description}".removesuffix(": "),
        "version": manifest.version,
        "url": manifest.url,
        "year": int(manifest.date[:4]) if manifest.date else None,
        "contributor": manifest.creator,
        "date_created": manifest.date,
        "fingerprint": manifest.fingerprint,
        "credits": [credit.model_dump() for credit in manifest.credits],
    }


def _images(dataset: Dataset) -> Iterator[dict[str, object]]:
    width, height = dataset.manifest.image_size
    extension = next((e for e in IMAGE_EXTENSIONS if e in dataset.manifest.sample_files), "jpg")
    for number, row in enumerate(records(dataset), 1):
        yield {
            "id": number,
            "file_name": f"{row['key']}.{extension}",
            "width": width,
            "height": height,
            "license": LICENSE_ID,
            **row,
        }


def _annotations(
    dataset: Dataset, images: Path, samples: Iterator[tuple[Sample, Row]]
) -> Iterator[dict[str, object]]:
    """Yield the annotations of all images, and write the images."""
    width, height = dataset.manifest.image_size
    number = 0
    for image, (sample, _) in enumerate(samples, 1):
        extension = sample.image_extension
        write_new(images / f"{sample.key}.{extension}", sample.files[extension])
        for region in regions_of(dataset, sample):
            number += 1
            yield {
                "id": number,
                "image_id": image,
                "category_id": region.category,
                "bbox": region.box,
                "area": int(region.pixels.sum()),
                "iscrowd": 0,
                "segmentation": {
                    "size": [height, width],
                    "counts": compressed(run_lengths(region.pixels)),
                },
            }
