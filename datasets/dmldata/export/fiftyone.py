"""FiftyOne: samples.json with fields, boxes and masks, in its dataset format without a database.

It is the form that FiftyOne's documentation calls LegacyFiftyOneDataset: `FiftyOneDataset` reads it
where metadata.json names no version. The newer form is a dump of its database, which changes with
its version.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import Row
from dmldata.contract.shards import Sample
from dmldata.dataset import Dataset
from dmldata.export.formats import Content
from dmldata.export.json_lists import write_json
from dmldata.export.records import record, write_new
from dmldata.export.regions import CATEGORIES, PARTS, regions_of

IMAGES, MASKS = "data", "fields/parts"
"""FiftyOne takes paths of masks as relative if they are in fields/<name of the field>."""

_FILES = """\
- `samples.json`: per image its file, its split as a tag, every column of the dataset's
  `samples.parquet` as a field (values and bins of the factors, camera, credits), `objects` with the
  boxes of the car and of its visible parts, and `parts`, the mask.
- `metadata.json`: name, version, license and credits, and the names of the mask's values.
- `data/<key>.jpg` (or `.png`), `fields/parts/<key>.png`: images and masks, as in the shards."""

_LOADING = """\
```python
import fiftyone

dataset = fiftyone.Dataset.from_dir("FOLDER", fiftyone.types.FiftyOneDataset)
fiftyone.launch_app(dataset)
```"""


def write(
    dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]], _label: str
) -> Content:
    """Write a dataset in this format; see `dmldata.export.formats.Writer`."""
    for name in (IMAGES, MASKS):
        (folder / name).mkdir(parents=True)
    write_json(folder / "metadata.json", _metadata(dataset.manifest))
    write_json(folder / "samples.json", {"samples": _samples(dataset, folder, samples)})
    return Content(len(dataset), _FILES, _LOADING, {})


def _metadata(manifest: Manifest) -> dict[str, object]:
    return {
        "name": manifest.name,
        "media_type": "image",
        "info": {
            "description": manifest.description,
            "dataset_version": manifest.version,
            "fingerprint": manifest.fingerprint,
            "license": manifest.license,
            "credits": [credit.model_dump() for credit in manifest.credits],
            "default_mask_targets": {str(int(part)): CATEGORIES[part] for part in PARTS},
        },
    }


def _samples(
    dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]]
) -> Iterator[dict[str, object]]:
    """Yield the samples, and write their images and masks."""
    for sample, row in samples:
        extension = sample.image_extension
        image, mask = f"{IMAGES}/{sample.key}.{extension}", f"{MASKS}/{sample.key}.png"
        write_new(folder / image, sample.files[extension])
        write_new(folder / mask, sample.files["mask.png"])
        yield {
            "filepath": image,
            "tags": [row["split"]],
            **record(row),
            "objects": {"_cls": "Detections", "detections": _detections(dataset, sample)},
            "parts": {"_cls": "Segmentation", "mask_path": mask},
        }


def _detections(dataset: Dataset, sample: Sample) -> list[dict[str, object]]:
    width, height = dataset.manifest.image_size
    detections: list[dict[str, object]] = []
    for region in regions_of(dataset, sample):
        left, top, across, down = region.box
        box = [left / width, top / height, across / width, down / height]
        label = CATEGORIES[region.category]
        detections.append({"_cls": "Detection", "label": label, "bounding_box": box})
    return detections
