"""Read a folder that holds one folder of images per class, as in torchvision's ImageFolder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dmlbench.sources.decode import is_image
from dmlbench.sources.folder import find_images, walk
from dmlbench.sources.listing import Listing
from dmldata.common.errors import InputError

_SPLITS = ("train", "val", "valid", "validation", "test")


def is_class_folders(folder: Path) -> bool:
    """Return whether the folder's subfolders hold images and the folder itself holds none."""
    beside = any(is_image(path.name) and path.is_file() for path in _visible(folder))
    return not beside and any(True for _ in _images(folder))


def read_class_folders(folder: Path) -> Listing:
    """Read every image, with the name of its folder as the property `class`.

    Raises:
        InputError: the subfolders are splits that hold the folders of the classes.
        DatasetError: an image cannot be read.
    """
    places = [path for path in _visible(folder) if path.is_dir()]
    splits = [path.name for path in places if path.name in _SPLITS]
    if splits and not any(is_image(file.name) for place in places for file in _visible(place)):
        raise InputError(f"{folder}: holds splits; valid: one of them, as {folder / splits[0]}")
    paths = sorted(_images(folder))
    names = [path.relative_to(folder).as_posix() for path in paths]
    files, sizes = find_images(folder, names, names)
    return Listing(
        name=folder.resolve().name,
        keys=list(files.names),
        sizes=sizes,
        labels={"class": [name.partition("/")[0] for name in names]},
        files=files,
    )


def _images(folder: Path) -> Iterator[Path]:
    for place, names in walk(folder):
        parts = place.relative_to(folder).parts
        for name in names if parts else ():
            hidden = any(part.startswith(".") for part in (*parts, name))
            if is_image(name) and not hidden and (place / name).is_file():
                yield place / name


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]
