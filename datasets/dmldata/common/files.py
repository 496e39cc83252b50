"""Atomic writes, bounded reads and digests of files."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dmldata.common.errors import InputError

CHUNK = 1 << 20
CLUTTER = frozenset({".DS_Store", ".localized", "Thumbs.db", "desktop.ini", ".directory"})
"""Files that file managers leave in every folder that they show."""
MAX_DOCUMENT_BYTES = 32 * 1024**2
"""Maximum size of a file that is read as a whole before it is parsed (JSON, lists, CSV)."""

_OPEN_DESCRIPTORS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Prefixes of paths that a shell has already opened, such as `<(command)`."""
_REPLACING = ".replacing"
"""Folder that holds the new files, inside the folder whose files are replaced together."""


def check_regular(path: str | os.PathLike[str]) -> None:
    """Check that a path is a regular file: reading a pipe without a writer would never end.

    Raises:
        OSError: the path is a folder, pipe, socket or device, or does not exist. The error has a
            `strerror` and the path.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a pipe or device, not a file", os.fspath(path))


def read_file(path: str | os.PathLike[str], limit: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Read a whole file after a check of its size.

    Args:
        limit: maximum size in bytes.

    Raises:
        OSError: see `check_regular`, or the file is larger than `limit`. The error has a
            `strerror` and the path.
    """
    name = os.fspath(path)
    if not name.startswith(_OPEN_DESCRIPTORS):
        check_regular(name)
    with Path(name).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(limit + 1) if size <= limit else b""
    if max(size, len(data)) > limit:
        raise OSError(errno.EFBIG, f"is larger than the limit of {limit:,} bytes", name)
    return data


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for an atomic write: it appears under its name when the block ends.

    The content is written to a hidden file in the same folder, synced and renamed. A reader never
    meets half a file, and an existing file stays until the new one is whole. If the block fails,
    nothing is left behind. Missing parent folders are made. A link is followed, and its target is
    replaced. A pipe or device is written to directly.

    Raises:
        OSError: the file cannot be written; the error names `path`.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    if is_stream(path):
        with path.open("wb") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(beside)):
            error.filename = str(path)
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a folder to fill, which appears under its name when the block ends.

    If the block fails, nothing is left behind. If several processes make the same folder, each
    fills its own; the first to end gives it the name, and the others fail.

    Raises:
        InputError: the name is taken by anything but an empty folder.
        OSError: the folder cannot be written; the error names `path`.
    """
    path = Path(path).resolve()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    _check_new(path)
    try:
        beside.mkdir(parents=True)
        yield beside
        if path.is_dir():
            for name in CLUTTER:
                (path / name).unlink(missing_ok=True)
        beside.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            _check_new(path)
        if error.filename in (None, str(beside)):
            error.filename = str(path)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check_new(folder: Path) -> None:
    names = names_in(folder)
    if names or (folder.exists() and not folder.is_dir()):
        what = f"is not empty (it holds {', '.join(names[:3])})" if names else "is a file"
        raise InputError(f"{folder} {what}; valid: a new or an empty folder")


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """Return the sorted names in a folder, without CLUTTER; empty if there is no such folder."""
    folder = Path(folder)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(name for name in names if name not in CLUTTER)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a stream: `-` (stdout), a pipe or a device."""
    path = Path(path)
    return str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir())


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file atomically, see `atomic_file`; text is UTF-8, and the path `-` is stdout."""
    if str(path) == "-":
        sys.stdout.write(data if isinstance(data, str) else data.decode())
        return
    with atomic_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def replace_files(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Replace several files of a folder together.

    If this is interrupted, either all files are as before, or `finish_replacing` completes the
    replacement. A link is replaced, and its target stays.

    Args:
        files: new content by file name.

    Raises:
        OSError: a file cannot be written; the error names it.
    """
    finish_replacing(folder)
    ready = Path(folder) / _REPLACING
    for killed in Path(folder).glob(f"{_REPLACING}-*"):
        shutil.rmtree(killed, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{_REPLACING}-", dir=folder))
    try:
        for name, data in files.items():
            write_atomic(draft / name, data)
        draft.rename(ready)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = str(Path(folder) / Path(error.filename).name)
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync_folder(Path(folder))
    finish_replacing(folder)


def finish_replacing(folder: str | os.PathLike[str]) -> None:
    """Complete an interrupted `replace_files`, if there is one."""
    ready = Path(folder) / _REPLACING
    # A link in a downloaded folder could lead anywhere: it is not followed.
    if ready.is_symlink() or not ready.is_dir():
        return
    for new in sorted(ready.iterdir()):
        # Another process may complete the same replacement.
        with suppress(FileNotFoundError):
            new.replace(Path(folder) / new.name)
    _sync_folder(Path(folder))
    with suppress(FileNotFoundError):
        ready.rmdir()


def sha256_of(source: str | os.PathLike[str] | BinaryIO) -> str:
    """Return the SHA-256 of a file, or of the rest of an open binary file, as 64 hex digits."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            return sha256_of(file)
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename in it survives a power cut, if the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
