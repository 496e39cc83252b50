"""The images of a folder or of shards, and the labels that come with them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from dmlbench.sources.properties import Cell

_JOINERS = ("\u200c", "\u200d")


class ImageFiles(Protocol):
    """The bytes of N images."""

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yield the file and key (for messages) and the bytes of these images, in this order.

        Raises:
            DatasetError: an image is missing, or has changed since the source was opened.
        """


class Listing(NamedTuple):
    """N images in order, and their labels.

    Attributes:
        name: name of the dataset.
        keys: [N] unique names of the images.
        sizes: [N] sizes of the images' files in bytes.
        labels: [N] cells of each property, by its name.
        files: reader of the images' bytes.
        notes: what was left out.
    """

    name: str
    keys: list[str]
    sizes: list[int]
    labels: dict[str, list[Cell]]
    files: ImageFiles
    notes: tuple[str, ...] = ()


def can_be_printed(name: str) -> bool:
    """Return whether a name holds no control characters.

    Unlike `str.isprintable` this takes the spaces of all kinds and the joiners of emoji that
    systems put into the names of files.

    >>> can_be_printed("10.30\\u202fPM.jpg"), can_be_printed("a\\nb"), can_be_printed("a\\u202eb")
    (True, False, False)
    """
    return all(
        letter.isprintable() or unicodedata.category(letter) == "Zs" or letter in _JOINERS
        for letter in name
    )


def path_problem(name: str) -> str | None:
    """Return why a name is not valid for a file inside a folder, or None if it is.

    >>> path_problem("cars/1.jpg"), path_problem("../1.jpg")
    (None, 'a path that leaves the folder')
    """
    if not can_be_printed(name):
        return "characters that cannot be printed"
    if name.startswith("/"):
        return "an absolute path"
    if ".." in name.split("/"):
        return "a path that leaves the folder"
    return None
