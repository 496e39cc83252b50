"""Open the files of a dataset, which are not trusted, in a folder or at a URL."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from dmldata.common.errors import DatasetError, PrismError
from dmldata.common.files import MAX_DOCUMENT_BYTES, check_regular

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a disk that is full or of a quota that is used up."""


def read_dataset_file(
    fs: fsspec.AbstractFileSystem, path: str, limit: int = MAX_DOCUMENT_BYTES
) -> bytes:
    """Read a whole file; a local one has to be a regular file.

    No more than the limit is read, of a URL as far as its server sends parts of files.

    Args:
        limit: maximum size in bytes.

    Raises:
        FileNotFoundError: the file does not exist.
        DatasetError: it is a folder, pipe or device, is larger than `limit`, or cannot be read.
    """
    if is_local(fs):
        with open_dataset_file(fs, path) as file:
            data = file.read(limit + 1)
    else:
        data = fs.cat_file(path, start=0, end=limit + 1)
    if len(data) > limit:
        raise DatasetError(f"{_name(path)}: is larger than the limit of {limit:,} bytes")
    return data


def open_dataset_file(fs: fsspec.AbstractFileSystem, path: str) -> BinaryIO:
    """Open a file for reading.

    Raises:
        FileNotFoundError: the file does not exist.
        DatasetError: it is a folder, pipe or device, or cannot be read.
    """
    try:
        if is_local(fs):
            check_regular(path)
        return cast(BinaryIO, fs.open(path, "rb"))
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from None
    except OSError as error:
        if not is_local(fs):
            raise
        raise DatasetError(f"{_name(path)}: {error.strerror or error}") from None


@contextmanager
def temporary_file(name: str) -> Iterator[BinaryIO]:
    """Open a temporary file for a copy of the remote file `name`.

    Raises:
        PrismError: the disk is full; names the folder of temporary files.
    """
    try:
        with tempfile.TemporaryFile() as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise PrismError(
            f"{name}: no room for a copy of it in {tempfile.gettempdir()}: {error.strerror}; set "
            "TMPDIR to a folder with more space"
        ) from None


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    """Return whether a file system is the one of this machine."""
    return isinstance(fs, LocalFileSystem)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
