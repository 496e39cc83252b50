"""Read Cars196 in both of its distributed forms.

Krause, Stark, Deng, Fei-Fei, "3D Object Representations for Fine-Grained Categorization" (3dRR
2013). In one form `cars_annos.mat` has `annotations`, an array of structs with `relative_im_path`
(`car_ims/000001.jpg`), a bounding box, `class` (from 1) and `test`, and `class_names`. In the
other, torchvision's `StanfordCars`, images are in `cars_train/` and `cars_test/`, each with a file
of annotations whose structs name the image `fname`, and `devkit/cars_meta.mat` has the
`class_names`. The parts called train and test there share their classes, so they are not the splits
used in metric learning.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from dmlbench.sources.folder import find_images
from dmlbench.sources.listing import Listing
from dmlbench.sources.mat_file import MatValue, read_mat
from dmlbench.sources.splits import class_number, in_split
from dmldata.common.errors import DatasetError

ANNOTATIONS = "cars_annos.mat"
META = "devkit/cars_meta.mat"
PARTS = {
    "cars_train": "devkit/cars_train_annos.mat",
    "cars_test": "cars_test_annos_withlabels.mat",
}
"""Folder of images -> file of its annotations, which hold the classes of the images."""

Annotation = tuple[str, str, MatValue]
"""Place of the annotation (for messages), path of the image, class of the image."""


def is_cars196(folder: Path) -> bool:
    """Return whether a folder holds the annotations of Cars196."""
    return (folder / ANNOTATIONS).is_file() or (folder / META).is_file()


def read_cars196(folder: Path, split: str) -> Listing:
    """Read the images of a split with their property `class`.

    Raises:
        DatasetError: a file does not follow the layout; the message names the file and annotation.
    """
    in_one_file = (folder / ANNOTATIONS).is_file()
    names, annotations = _in_one_file(folder) if in_one_file else _in_parts(folder)
    chosen, places, cells = [], [], []
    for place, image, label in annotations:
        number = class_number(label, len(names), place)
        if in_split(number, len(names), split):
            chosen.append(image)
            places.append(place)
            cells.append(str(names[number - 1]))
    files, sizes = find_images(folder, chosen, places)
    return Listing(f"Cars196 {split}", list(files.names), sizes, {"class": [*cells]}, files)


def _in_one_file(folder: Path) -> tuple[list[MatValue], Iterator[Annotation]]:
    """Return the names of the classes, and the annotations."""
    path = folder / ANNOTATIONS
    annotations, names = _lists(path, "annotations", "class_names")
    return names, _annotations(path, annotations, "relative_im_path", "")


def _in_parts(folder: Path) -> tuple[list[MatValue], Iterator[Annotation]]:
    for part, file in PARTS.items():
        if not (folder / file).is_file():
            raise DatasetError(f"{folder}: no {file}, which holds the classes of {part}/")
    (names,) = _lists(folder / META, "class_names")
    parts = []
    for part, file in PARTS.items():
        (annotations,) = _lists(folder / file, "annotations")
        parts.append(_annotations(folder / file, annotations, "fname", f"{part}/"))
    return names, itertools.chain(*parts)


def _annotations(
    path: Path, listed: list[MatValue], image: str, before: str
) -> Iterator[Annotation]:
    """Yield annotations; an image's path is `before` followed by the annotation's field `image`."""
    for number, annotation in enumerate(listed, start=1):
        place = f"{path}, annotation {number}"
        yield (
            place,
            f"{before}{_field(annotation, image, place)}",
            _field(annotation, "class", place),
        )


def _lists(path: Path, *names: str) -> list[list[MatValue]]:
    """Read the named variables of a file, each a list, in this order."""
    content = read_mat(path, names)
    lists = []
    for name in names:
        variable = content[name]
        if not isinstance(variable, list):
            raise DatasetError(f"{path}: '{name}' is not a list; valid: the {path.name} of Cars196")
        lists.append(variable)
    return lists


def _field(annotation: MatValue, name: str, place: str) -> MatValue:
    if not isinstance(annotation, dict) or name not in annotation:
        raise DatasetError(f"{place}: no field '{name}'; valid: the annotations of Cars196")
    return annotation[name]
