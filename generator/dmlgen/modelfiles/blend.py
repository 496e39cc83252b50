"""Check the size that a compressed .blend file expands to."""

from __future__ import annotations

import zlib
from pathlib import Path

from dmldata.common.errors import InputError
from dmldata.common.files import CHUNK
from dmldata.common.foreign import check_expansion, reading

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def check_blend(file: Path) -> None:
    """Check that a compressed .blend file does not expand too much.

    Raises:
        InputError: it expands too much, or is damaged.
    """
    with file.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(_GZIP):
        _check_gzip(file)
    elif start == _ZSTD:
        _check_zstd(file)


def _check_gzip(file: Path) -> None:
    size, expanded = file.stat().st_size, 0
    expander = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with reading(str(file), "a whole .blend file"), file.open("rb") as opened:
        while not expander.eof and (data := expander.unconsumed_tail or opened.read(CHUNK)):
            expanded += len(expander.decompress(data, CHUNK))
            check_expansion(str(file), expanded, size, InputError)


def _check_zstd(file: Path) -> None:
    import pyarrow as pa

    size, expanded = file.stat().st_size, 0
    with (
        reading(str(file), "a whole .blend file"),
        pa.OSFile(str(file)) as opened,
        pa.CompressedInputStream(opened, "zstd") as stream,
    ):
        while chunk := stream.read(CHUNK):
            expanded += len(chunk)
            check_expansion(str(file), expanded, size, InputError)
