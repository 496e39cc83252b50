"""Cars196 as distributed.

Krause, Stark, Deng, Fei-Fei, "3D Object Representations for Fine-Grained Categorization" (3dRR
2013). `cars_annos.mat` has `annotations`, an array of structs with `relative_im_path`
(`car_ims/000001.jpg`), a bounding box, `class` (from 1) and `test`, and `class_names`. Its own
`test` splits images of the same classes, and is not the one of metric learning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmlbench.sources.folder import find_images
from dmlbench.sources.listing import Listing
from dmlbench.sources.mat_file import read_mat
from dmlbench.sources.splits import class_number, in_split
from dmldata.errors import DatasetError

ANNOTATIONS = "cars_annos.mat"
VALID = "the cars_annos.mat of Cars196"


def is_cars196(folder: Path) -> bool:
    """Whether a folder holds the annotations of Cars196."""
    return (folder / ANNOTATIONS).is_file()


def read_cars196(folder: Path, split: str) -> Listing:
    """The images of a split, with their `class`.

    Raises:
        DatasetError: a file that breaks the layout; the message names file and annotation.
    """
    path = folder / ANNOTATIONS
    content = read_mat(path, ("annotations", "class_names"))
    names, annotations = content["class_names"], content["annotations"]
    if not isinstance(names, list) or not isinstance(annotations, list):
        raise DatasetError(f"{path}: no lists of annotations and class names; valid: {VALID}")
    chosen, places, cells = [], [], []
    for number, one in enumerate(annotations, start=1):
        place = f"{path}, annotation {number}"
        image, label = (_field(one, name, place) for name in ("relative_im_path", "class"))
        found = class_number(label, len(names), place)
        if in_split(found, len(names), split):
            chosen.append(str(image))
            places.append(place)
            cells.append(str(names[found - 1]))
    files, sizes = find_images(folder, chosen, places)
    return Listing(f"Cars196 {split}", list(files.names), sizes, {"class": [*cells]}, files)


def _field(annotation: Any, name: str, place: str) -> Any:
    if not isinstance(annotation, dict) or name not in annotation:
        raise DatasetError(f"{place}: no field '{name}'; valid: {VALID}")
    return annotation[name]
