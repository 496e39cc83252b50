"""What is found in a folder or in shards: images, and the labels that come with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from dmlbench.sources.properties import Cell


class ImageFiles(Protocol):
    """The bytes of N images."""

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Of these images, in this order: file and key for messages, and the bytes.

        Raises:
            DatasetError: gone, or changed since the source was opened.
        """


class Listing(NamedTuple):
    """N images in order, and their labels.

    Attributes:
        keys: N different names.
        sizes: N lengths of the images' files, bytes.
        labels: by property, N cells.
        files: where the images' bytes are.
        notes: what was left out.
    """

    name: str
    keys: list[str]
    sizes: list[int]
    labels: dict[str, list[Cell]]
    files: ImageFiles
    notes: tuple[str, ...] = ()


def path_problem(name: str) -> str | None:
    """What keeps a name from being that of a file inside of a folder, or None.

    >>> path_problem("cars/1.jpg"), path_problem("../1.jpg")
    (None, 'a path that leaves the folder')
    """
    if not name.isprintable():
        return "characters that cannot be printed"
    if name.startswith("/"):
        return "an absolute path"
    if ".." in name.split("/"):
        return "a path that leaves the folder"
    return None
