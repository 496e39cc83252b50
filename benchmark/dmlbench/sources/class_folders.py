"""Read a folder that holds one folder of images per class, as in torchvision's ImageFolder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dmlbench.sources.decode import is_image
from dmlbench.sources.folder import find_images, walk
from dmlbench.sources.listing import Listing
from dmldata.common.errors import InputError

_SPLITS = ("train", "val", "valid", "validation", "test")
MAX_NAMED = 5
"""Folders that a note names."""


def is_class_folders(folder: Path) -> bool:
    """Return whether the folder's subfolders hold images and the folder itself holds none."""
    beside = any(is_image(path.name) and path.is_file() for path in _visible(folder))
    return not beside and any(True for _ in _images(folder))


def read_class_folders(folder: Path) -> Listing:
    """Read every image, with the name of its folder as the property `class`.

    Raises:
        InputError: the subfolders are no classes: splits, or one folder that holds the classes.
        DatasetError: an image cannot be read.
    """
    paths = sorted(_images(folder))
    places = sorted(path for path in _visible(folder) if path.is_dir())
    deeper = {path.relative_to(folder).parts[0] for path in paths if path.parent.parent != folder}
    splits = [place for place in places if place.name.lower() in _SPLITS]
    if splits and (len(splits) == len(places) or any(place.name in deeper for place in splits)):
        raise InputError(f"{folder}: holds splits; valid: one of them, as {splits[0]}")
    if len(places) == 1 and not any(is_image(file.name) for file in _visible(places[0])):
        raise InputError(f"{folder}: holds one folder, of folders; valid: {places[0]}")
    numbers: dict[str, str] = {}
    for name in (place.name for place in places if re.fullmatch(r"\d+(\.0*)?", place.name)):
        other = numbers.setdefault(name.partition(".")[0], name)
        if other != name:
            raise InputError(
                f"{folder}: '{other}' and '{name}' are one number, so one class; rename one of them"
            )
    names = [path.relative_to(folder).as_posix() for path in paths]
    files, sizes = find_images(folder, names, names)
    return Listing(
        name=folder.resolve().name,
        keys=list(files.names),
        sizes=sizes,
        labels={"class": [name.partition("/")[0] for name in names]},
        files=files,
        notes=tuple(_notes(folder, places, {path.relative_to(folder).parts[0] for path in paths})),
    )


def _notes(folder: Path, places: list[Path], classes: set[str]) -> Iterator[str]:
    """Yield notes on what in a folder is taken for neither a class nor an image."""
    empty = [place.name for place in places if place.name not in classes]
    if empty:
        more = ", ..." if len(empty) > MAX_NAMED else ""
        yield (
            f"folders without an image are no classes: {', '.join(empty[:MAX_NAMED])}{more} "
            f"({len(empty)})"
        )
    others = Counter(
        Path(name).suffix or name
        for place, names in walk(folder)
        if not any(part.startswith(".") for part in place.relative_to(folder).parts)
        for name in names
        if not is_image(name) and not name.startswith(".")
    )
    if others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(MAX_NAMED))
        yield f"files that are no images are passed over: {kinds}"


def _images(folder: Path) -> Iterator[Path]:
    for place, names in walk(folder):
        parts = place.relative_to(folder).parts
        for name in names if parts else ():
            hidden = any(part.startswith(".") for part in (*parts, name))
            if is_image(name) and not hidden:
                yield place / name


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]
