"""Read Stanford Online Products as distributed.

Song, Xiang, Jegelka, Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding" (CVPR
2016). `Ebay_train.txt` and `Ebay_test.txt` have a header `image_id class_id super_class_id path`
and one line per image, with paths such as `bicycle_final/111085122871_0.JPG`. Their classes are
disjoint.
"""

from __future__ import annotations

from pathlib import Path

from dmlbench.sources.folder import find_images, read_text
from dmlbench.sources.listing import Listing
from dmlbench.sources.properties import Cell
from dmldata.common.errors import InputError

FILES = {
    "train": ["Ebay_train.txt"],
    "test": ["Ebay_test.txt"],
    "all": ["Ebay_train.txt", "Ebay_test.txt"],
}
HEADER = ["image_id", "class_id", "super_class_id", "path"]


def is_online_products(folder: Path) -> bool:
    """Return whether a folder holds one of the files of Stanford Online Products."""
    return any((folder / name).is_file() for name in FILES["all"])


def read_online_products(folder: Path, split: str) -> Listing:
    """Read the images of a split with the properties `class` and `super_class`.

    The class is the number of a product, the super class the name of its folder.

    Raises:
        InputError, DatasetError: a file does not follow the layout; the message names the file and
            line.
    """
    names, places = [], []
    products: list[Cell] = []
    kinds: list[Cell] = []
    for name in FILES[split]:
        for line, text in enumerate(read_text(folder / name), start=1):
            place = f"{folder / name}, line {line}"
            cells = text.split()
            if line == 1 and cells != HEADER:
                raise InputError(f"{place}: {text[:60]!r}; valid: the header '{' '.join(HEADER)}'")
            if line == 1 or not cells:
                continue
            if len(cells) != len(HEADER):
                raise InputError(f"{place}: {len(cells)} columns; valid: {' '.join(HEADER)}")
            names.append(cells[3])
            places.append(place)
            products.append(cells[1])
            kinds.append(cells[3].partition("/")[0].removesuffix("_final"))
    files, sizes = find_images(folder, names, places)
    labels = {"class": products, "super_class": kinds}
    return Listing(f"Stanford Online Products {split}", list(files.names), sizes, labels, files)
