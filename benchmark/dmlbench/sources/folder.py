"""Image files in a folder, named by a list."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dmlbench.sources.decode import EXTENSIONS, is_image
from dmlbench.sources.listing import path_problem
from dmldata.common.errors import DatasetError
from dmldata.common.files import read_file
from dmldata.common.foreign import reading
from dmldata.contract.tar import MAX_MEMBER_BYTES


@dataclass(frozen=True)
class FolderFiles:
    """Image files of a folder on this machine; `names` are their paths in it."""

    folder: Path
    names: tuple[str, ...]

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """See `listing.ImageFiles`."""
        for row in rows:
            where = f"{self.folder}: {self.names[row]}"
            try:
                with (self.folder / self.names[row]).open("rb") as file:
                    data = file.read(MAX_MEMBER_BYTES + 1)
            except OSError as error:
                raise DatasetError(f"{where}: {error.strerror}") from None
            if len(data) > MAX_MEMBER_BYTES:
                raise DatasetError(f"{where}: longer than {MAX_MEMBER_BYTES} bytes")
            yield where, data


def find_images(
    folder: Path, names: Sequence[str], places: Sequence[str]
) -> tuple[FolderFiles, list[int]]:
    """Image files of a folder, and the length of each, bytes. Links are followed.

    Args:
        names: paths in the folder, as a list spells them.
        places: where each stands in that list, for messages.

    Raises:
        DatasetError: no image's name, a path that leaves the folder, a name that occurs twice, no
            such file or none that can be read; the message gives the place.
    """
    seen: dict[str, str] = {}
    sizes: list[int] = []
    missing: list[str] = []
    for name, place in zip(names, places, strict=True):
        problem = path_problem(name)
        if problem is None and not is_image(name):
            problem = f"no image; valid: {', '.join(EXTENSIONS)}"
        if problem:
            raise DatasetError(f"{place}: {name[:80]!r}: {problem}")
        key = _as_on_disk(folder, PurePosixPath(name).as_posix())
        if key in seen:
            raise DatasetError(f"{place}: '{key}' occurs more than once, as in {seen[key]}")
        seen[key] = place
        size = _size(folder / key, f"{place}: '{key}'")
        if size is None:
            missing.append(f"{place}: '{key}'")
        else:
            sizes.append(size)
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DatasetError(f"{missing[0]} is not in {folder}{more}")
    return FolderFiles(folder, tuple(seen)), sizes


def count_images(folder: Path) -> int:
    """Image files in a folder and those below, links to folders not followed."""
    return sum(
        is_image(name) and not name.startswith(".")
        for _, _, names in os.walk(folder)
        for name in names
    )


def first_other_image(folder: Path, names: Collection[str]) -> str:
    """Return an image in a folder or below that is not among these; empty where all are."""
    listed = set(names)
    for place, _, files in os.walk(folder):
        for name in sorted(files):
            path = (Path(place) / name).relative_to(folder).as_posix()
            if is_image(name) and not name.startswith(".") and path not in listed:
                return path
    return ""


def read_text(path: Path, limit: int = MAX_MEMBER_BYTES) -> list[str]:
    """Lines of a UTF-8 file that comes with a dataset.

    Raises:
        InputError: it cannot be read.
    """
    with reading(str(path), "UTF-8 text"):
        return read_file(path, limit).decode("utf-8-sig").splitlines()


def _as_on_disk(folder: Path, name: str) -> str:
    """The name of a file as the disk spells it: composed or decomposed accents are one name."""
    if name.isascii() or (folder / name).exists():
        return name
    for form in ("NFC", "NFD"):
        spelled = unicodedata.normalize(form, name)
        if (folder / spelled).exists():
            return spelled
    return name


def _size(path: Path, where: str) -> int | None:
    """Length of a file in bytes; None where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{where}: {error}") from None
    if not stat.S_ISREG(found.st_mode):
        raise DatasetError(f"{where}: not a regular file")
    if found.st_size > MAX_MEMBER_BYTES:
        raise DatasetError(f"{where}: {found.st_size} bytes: the limit is {MAX_MEMBER_BYTES}")
    return found.st_size
