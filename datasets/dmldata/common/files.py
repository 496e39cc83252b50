"""Files that appear under their names only when whole, and their digests."""

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
"""Of a file that is read as a whole before it is parsed (JSON, lists, tables of text)."""

_OPEN_DESCRIPTORS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Paths of what a shell has opened already, as `<(command)` is."""


def check_regular(path: str | os.PathLike[str]) -> None:
    """Refuse what is no regular file: a pipe that nobody writes into would be waited for.

    Raises:
        OSError: with a `strerror` and the path: a folder, pipe, socket or device, or not there.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a pipe or device, not a file", os.fspath(path))


def read_file(path: str | os.PathLike[str], limit: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Read a file whose size is checked first.

    Args:
        limit: bytes.

    Raises:
        OSError: with a `strerror` and the path: see `check_regular`, or larger than `limit`.
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


_REPLACING = ".replacing"
"""Folder, inside the one whose files are replaced together, that holds the new ones."""


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes its name when the block ends, and leaves nothing when it fails.

    An error of the disk names the file.

    Written beside (a hidden name), synced, renamed: a reader never meets half a file, and what was
    there before stays until the new one is whole. Missing parent folders are made. A link is
    followed: what it points to is written. What is no regular file (a pipe, a device) is written
    into as it is.
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
    """A folder to fill, which takes its name when the block ends, and leaves nothing when it fails.

    Of several processes that make the same folder, each has one of its own to fill; the first to
    end gives it the name, and the others fail.

    Raises:
        InputError: there is something of that name, other than an empty folder.
        OSError: the folder cannot be written; names it.
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
    held = names_in(folder)
    if held or (folder.exists() and not folder.is_dir()):
        what = f"is not empty (it holds {', '.join(held[:3])})" if held else "is a file"
        raise InputError(f"{folder} {what}; valid: a new or an empty folder")


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """Names of what is in a folder, in order, without what file managers leave there (CLUTTER);
    none where there is no such folder."""
    folder = Path(folder)
    found = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(name for name in found if name not in CLUTTER)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether what is written there goes on elsewhere: `-` (stdout), a pipe, a device."""
    path = Path(path)
    return str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir())


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a whole file at once; text as UTF-8. `-` is stdout."""
    if str(path) == "-":
        sys.stdout.write(data if isinstance(data, str) else data.decode())
        return
    with atomic_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def replace_files(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Replace files of a folder together, by name.

    Where this is interrupted, either all of them are as before, or `finish_replacing` puts all of
    the new ones in place. A link is replaced, and what it points to stays. An error of the disk
    names the file.
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
    """Complete what an interrupted `replace_files` has begun; does nothing where there is none."""
    ready = Path(folder) / _REPLACING
    # In a folder of others a link could lead anywhere: none is followed.
    if ready.is_symlink() or not ready.is_dir():
        return
    for new in sorted(ready.iterdir()):
        # Another process may finish the same.
        with suppress(FileNotFoundError):
            new.replace(Path(folder) / new.name)
    _sync_folder(Path(folder))
    with suppress(FileNotFoundError):
        ready.rmdir()


def sha256_of(source: str | os.PathLike[str] | BinaryIO) -> str:
    """SHA-256 of a file's bytes, or of the rest of an open binary file, as 64 hex digits."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            return sha256_of(file)
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut, where folders can be synced."""
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
