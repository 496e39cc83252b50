"""Check the size that a compressed .blend file expands to."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from dmldata.common.errors import InputError
from dmldata.common.files import CHUNK
from dmldata.common.foreign import check_expansion, reading

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FOOTER = 9
_SEEKABLE = 0x8F92EAB1


def check_blend(file: Path) -> None:
    """Check that a compressed .blend file does not expand too much.

    Raises:
        InputError: it expands too much, or has no table of sizes (`zstd`).
    """
    with file.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(_GZIP):
        _check_gzip(file)
    elif start == _ZSTD:
        size = file.stat().st_size
        check_expansion(str(file), _zstd_size(file), size, InputError)


def _check_gzip(file: Path) -> None:
    size, expanded = file.stat().st_size, 0
    expander = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with reading(str(file), "a whole .blend file"), file.open("rb") as opened:
        while not expander.eof and (data := expander.unconsumed_tail or opened.read(CHUNK)):
            expanded += len(expander.decompress(data, CHUNK))
            check_expansion(str(file), expanded, size, InputError)


def _zstd_size(file: Path) -> int:
    """Return the bytes that the frames expand to, by the table at the end of the file."""
    data = file.read_bytes()
    frames, flags, magic = struct.unpack("<IBI", data[-_FOOTER:].rjust(_FOOTER, b"\0"))
    width = 12 if flags & 0x80 else 8
    start = len(data) - _FOOTER - frames * width
    if magic != _SEEKABLE or start < 0:
        raise InputError(f"{file}: cut short or damaged; copy it again, or save it uncompressed")
    return sum(struct.unpack_from("<I", data, start + n * width + 4)[0] for n in range(frames))
