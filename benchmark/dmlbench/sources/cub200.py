"""Read CUB-200-2011 as distributed.

Wah, Branson, Welinder, Perona, Belongie, "The Caltech-UCSD Birds-200-2011 Dataset" (2011). Its
README: `images.txt` has lines `<image_id> <image_name>`, with names relative to `images/`;
`classes.txt` has `<class_id> <class_name>`; `image_class_labels.txt` has `<image_id> <class_id>`.
The splits in its `train_test_split.txt` share their classes, so they are not the splits used in
metric learning.
"""

from __future__ import annotations

from pathlib import Path

from dmlbench.sources.folder import find_images, read_text
from dmlbench.sources.listing import Listing
from dmlbench.sources.splits import class_number, in_split
from dmldata.common.errors import DatasetError, InputError

IMAGES, LABELS, CLASSES = "images.txt", "image_class_labels.txt", "classes.txt"


def is_cub200(folder: Path) -> bool:
    """Return whether a folder holds the files of CUB-200-2011."""
    return all((folder / name).is_file() for name in (IMAGES, LABELS, CLASSES))


def read_cub200(folder: Path, split: str) -> Listing:
    """Read the images of a split with their property `class`.

    Raises:
        InputError, DatasetError: a file does not follow the layout; the message names the file and
            line.
    """
    names, labels, classes = (_table(folder / name) for name in (IMAGES, LABELS, CLASSES))
    chosen, places, cells = [], [], []
    for image, (name, place) in names.items():
        if image not in labels:
            raise DatasetError(f"{place}: image {image} has no class in {LABELS}")
        text, label_place = labels[image]
        number = class_number(text, len(classes), label_place)
        if in_split(number, len(classes), split):
            if str(number) not in classes:
                raise DatasetError(f"{label_place}: class {number} is not in {CLASSES}")
            chosen.append(name)
            places.append(place)
            cells.append(classes[str(number)][0])
    files, sizes = find_images(folder / "images", chosen, places)
    return Listing(f"CUB-200-2011 {split}", list(files.names), sizes, {"class": [*cells]}, files)


def _table(path: Path) -> dict[str, tuple[str, str]]:
    """Return the rest of each line and its place (for messages), by the line's first word."""
    rows: dict[str, tuple[str, str]] = {}
    for line, text in enumerate(read_text(path), start=1):
        first, _, rest = text.strip().partition(" ")
        place = f"{path}, line {line}"
        if not text.strip():
            continue
        if not rest:
            raise InputError(f"{place}: {text[:40]!r}; valid: two columns with a space between")
        if first in rows:
            raise InputError(f"{place}: '{first}' occurs more than once")
        rows[first] = (rest.strip(), place)
    return rows
