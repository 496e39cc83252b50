"""The files of a dataset, in a folder or behind a URL, opened without trust in them."""

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
"""Errors of a disk, or a user's part of it, that is full."""


def read_dataset_file(
    fs: fsspec.AbstractFileSystem, path: str, limit: int = MAX_DOCUMENT_BYTES
) -> bytes:
    """Read one file as a whole; a local one is looked at before it is read.

    Args:
        limit: bytes.

    Raises:
        FileNotFoundError: it is not there.
        DatasetError: a folder, a pipe or a device, larger than `limit`, or it cannot be read.
    """
    if is_local(fs):
        with open_dataset_file(fs, path) as file:
            data = file.read(limit + 1)
    else:
        data = fs.cat_file(path)
    if len(data) > limit:
        raise DatasetError(f"{_name(path)}: is larger than the limit of {limit:,} bytes")
    return data


def open_dataset_file(fs: fsspec.AbstractFileSystem, path: str) -> BinaryIO:
    """Open one file for reading.

    Raises:
        FileNotFoundError: it is not there.
        DatasetError: a folder, a pipe or a device, or it cannot be read.
    """
    try:
        if is_local(fs):
            check_regular(path)
        return cast(BinaryIO, fs.open(path, "rb"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if not is_local(fs):
            raise
        raise DatasetError(f"{_name(path)}: {error.strerror or error}") from None


@contextmanager
def temporary_file(name: str) -> Iterator[BinaryIO]:
    """A temporary file for a copy of `name`, which is on another machine.

    Raises:
        PrismError: there is no room for it; names the folder of temporary files.
    """
    try:
        with tempfile.TemporaryFile() as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise PrismError(
            f"{name}: no room for a copy of it in {tempfile.gettempdir()}: {error.strerror}; set "
            "TMPDIR to a folder with more"
        ) from None


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    """Return whether the files are on this machine."""
    return isinstance(fs, LocalFileSystem)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
