"""The frame store: append-only tar files that keep frames while a dataset is being rendered.

Separate files would be too many for some file systems. What decides the frames is recorded once for
all, in the job beside them (`dmlgen.rendering.job`), which refuses other settings.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from dmldata.common.errors import DatasetError, PrismError
from dmldata.contract.tar import MAX_MEMBER_BYTES, members, write_member
from dmlgen.rendering.frames import Frame

PACK_BYTES = 256 * 10**6
"""Size in bytes from which on a pack (one tar file of the store) is followed by another."""
SYNC_SECONDS = 1.0
"""Seconds of work that a power cut may lose at most; a killed process loses nothing."""
_SEAL = "crc32"


class _Place(NamedTuple):
    pack: Path
    offset: int
    length: int


class FrameStore:
    """The frames of a render, by key.

    A frame is some members of a tar: its picture, its maps, and last a JSON document with the
    measured columns and a checksum of the others. Only one process writes. A frame that was
    being written when the process was killed is ignored afterwards. Each process that writes
    begins a new pack, so complete frames are never changed.

    Args:
        folder: folder of the packs; made when the first frame is added.

    Raises:
        PrismError: from `add`, if the disk is full or cannot be written; stored frames are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, _Place] = {}
        self._measured: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO | None = None
        self._synced = 0.0
        for pack in sorted(folder.glob("frames-*.tar")):
            self._scan(pack)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def keys(self) -> set[str]:
        """Return the keys of all frames."""
        return set(self._places)

    def add(self, frame: Frame) -> None:
        """Store a frame. After the call it survives a kill of this process."""
        record = _record(frame)
        try:
            file = self._open()
            offset = file.tell()
            file.write(record)
            file.flush()
            self._sync(file)
        except OSError as error:
            self._discard()
            raise PrismError(
                f"{self._folder}: cannot be written: {error.strerror}; finished images are kept: "
                f"free some space and run the same command again to resume"
            ) from error
        self._places[frame.key] = _Place(Path(file.name), offset, len(record))
        self._measured[frame.key] = frame.measured

    def measured(self, key: str) -> dict[str, Any]:
        """Return the measured columns of a frame."""
        return self._measured[key]

    def bytes_of(self, key: str) -> int:
        """Return the length of a frame in the store, in bytes."""
        return self._places[key].length

    def files(self, key: str) -> dict[str, bytes]:
        """Return the files of a frame by extension.

        Raises:
            PrismError: the pack was damaged after the store was opened.
        """
        place = self._places[key]
        try:
            with place.pack.open("rb") as file:
                file.seek(place.offset)
                frame = next(_frames(io.BytesIO(file.read(place.length)), place.pack.name))[0]
        except (OSError, StopIteration):
            raise PrismError(
                f"{place.pack}: frame '{key}' is damaged; delete the file and run the same command "
                f"again: it renders the missing images"
            ) from None
        return frame.files

    def close(self) -> None:
        """Sync and close the pack that is being written."""
        if self._file is not None:
            self._sync(self._file, at_once=True)
            self._discard()

    def _scan(self, pack: Path) -> None:
        with pack.open("rb") as file:
            start = 0
            for frame, end in _frames(file, pack.name):
                self._places[frame.key] = _Place(pack, start, end - start)
                self._measured[frame.key] = frame.measured
                start = end

    def _open(self) -> BinaryIO:
        if self._file is None or self._file.tell() >= PACK_BYTES:
            self._discard()
            self._folder.mkdir(parents=True, exist_ok=True)
            number = 1 + max(
                (int(p.stem.rpartition("-")[2]) for p in self._folder.glob("frames-*.tar")),
                default=-1,
            )
            self._file = (self._folder / f"frames-{number:06d}.tar").open("xb")
        return self._file

    def _sync(self, file: BinaryIO, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._synced >= SYNC_SECONDS:
            os.fsync(file.fileno())
            self._synced = now

    def _discard(self) -> None:
        """Close the pack without retrying what could not be written."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def _record(frame: Frame) -> bytes:
    record = io.BytesIO()
    for extension, data in frame.files.items():
        write_member(record.write, f"{frame.key}.{extension}", data)
    seal = json.dumps({_SEAL: _checksum(frame.files), **frame.measured})
    write_member(record.write, f"{frame.key}.json", seal.encode())
    return record.getvalue()


def _frames(file: BinaryIO, name: str) -> Iterator[tuple[Frame, int]]:
    """Yield the frames of a file with their end offsets, up to the first incomplete frame."""
    try:
        files: dict[str, bytes] = {}
        for key, extension, data in members(file, name, MAX_MEMBER_BYTES):
            files[extension] = data
            if extension != "json":
                continue
            measured = json.loads(files.pop("json"))
            if measured.pop(_SEAL) != _checksum(files):
                return
            yield Frame(key, files, measured), file.tell()
            files = {}
    except (DatasetError, ValueError, KeyError):
        return


def _checksum(files: dict[str, bytes]) -> int:
    checksum = 0
    for data in files.values():
        checksum = zlib.crc32(data, checksum)
    return checksum
