"""Read image files of a folder that are named by a list."""

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
    """Image files of a local folder; `names` are their paths relative to it."""

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
    """Return the image files of a folder and the size of each in bytes. Links are followed.

    Args:
        names: paths relative to the folder, as spelled in a list.
        places: place of each name in that list, for messages.

    Raises:
        DatasetError: a name is not that of an image, leaves the folder or occurs twice, or its file
            is missing or not readable; the message names the place.
    """
    seen: dict[str, str] = {}
    sizes: list[int] = []
    missing: list[str] = []
    for name, place in zip(names, places, strict=True):
        problem = path_problem(name)
        if problem is None and not is_image(name):
            problem = f"not an image; valid: {', '.join(EXTENSIONS)}"
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
    """Count the image files in a folder and its subfolders."""
    return sum(
        is_image(name) and not name.startswith(".") for _, names in walk(folder) for name in names
    )


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and its subfolders with the names of their files, each folder once.

    Links to folders are followed after all folders that are there without them.
    """
    seen: set[Path] = set()
    starts = [folder]
    while starts:
        links = []
        for start in starts:
            for place, folders, names in os.walk(start):
                within = Path(place)
                if (real := within.resolve()) in seen:
                    folders.clear()
                    continue
                seen.add(real)
                folders.sort()
                links += [within / name for name in folders if (within / name).is_symlink()]
                yield within, names
        starts = links


def first_other_image(folder: Path, names: Collection[str]) -> str:
    """Return an image in a folder or its subfolders that is not in `names`; empty if all are."""
    listed = set(names)
    for place, files in walk(folder):
        for name in sorted(files):
            path = (place / name).relative_to(folder).as_posix()
            if is_image(name) and not name.startswith(".") and path not in listed:
                return path
    return ""


def read_text(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file of a dataset.

    Raises:
        InputError: the file cannot be read.
    """
    with reading(str(path), "UTF-8 text"):
        return read_file(path, MAX_MEMBER_BYTES).decode("utf-8-sig").splitlines()


def _as_on_disk(folder: Path, name: str) -> str:
    """Return a file's name as spelled on disk, where accents may be composed or decomposed."""
    if name.isascii() or (folder / name).exists():
        return name
    for form in ("NFC", "NFD"):
        spelled = unicodedata.normalize(form, name)
        if (folder / spelled).exists():
            return spelled
    return name


def _size(path: Path, where: str) -> int | None:
    """Return the size of a file in bytes; None if the file does not exist."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{where}: {error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise DatasetError(f"{where}: not a regular file")
    if status.st_size == 0:
        raise DatasetError(f"{where}: an empty file")
    if status.st_size > MAX_MEMBER_BYTES:
        raise DatasetError(f"{where}: {status.st_size} bytes: the limit is {MAX_MEMBER_BYTES}")
    return status.st_size
