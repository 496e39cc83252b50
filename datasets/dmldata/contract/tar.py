"""Read and write the members of a shard, one by one, in a tar of fixed form.

This reader is strict where `dmlbench.sources.tar_index` is lenient. A shard of the contract is a
stream of plain members, and a link, folder or extended header is an error; tars of others have all
of these, so they are read with `tarfile`, which needs a file that can seek.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from dmldata.common.errors import DatasetError, InputError
from dmldata.contract.samples import KEY

IMAGE_EXTENSIONS = ("jpg", "png")
EXTENSIONS = (*IMAGE_EXTENSIONS, "mask.png", "depth.png", "normal.png", "json")
"""Files of a sample, in their order inside a shard."""
MAPS = EXTENSIONS[len(IMAGE_EXTENSIONS) : -1]
"""What a sample may hold beside its image: parts, depth, normals, pixel by pixel."""
PICTURE_COLUMNS = {
    **dict.fromkeys(IMAGE_EXTENSIONS, "image"),
    **{extension: extension.removesuffix(".png") for extension in MAPS},
}
"""Column of a table with embedded pictures, by extension."""

MAX_MEMBER_BYTES = 64 * 1024**2
_CHUNK = 1 << 20

Write = Callable[[bytes], object]


def write_member(write: Write, name: str, data: bytes) -> None:
    """Write one file with TarInfo's defaults: mtime, uid and gid 0, no owner names, mode 0644."""
    if len(data) > MAX_MEMBER_BYTES:
        raise InputError(f"{name}: {len(data):,} bytes; valid: at most {MAX_MEMBER_BYTES:,}")
    member = tarfile.TarInfo(name)
    member.size = len(data)
    try:
        write(member.tobuf(format=tarfile.USTAR_FORMAT))
    except ValueError as error:
        raise InputError(f"member '{name[:60]}': {error}") from None
    write(data)
    write(bytes(-len(data) % tarfile.BLOCKSIZE))


def write_end(write: Write, length: int) -> None:
    """End a tar of `length` bytes: two empty blocks, then zeros up to a whole record."""
    end = 2 * tarfile.BLOCKSIZE
    write(bytes(end + -(length + end) % tarfile.RECORDSIZE))


def members(fileobj: BinaryIO, name: str, limit: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield (key, extension, bytes) of each member.

    Headers are parsed one by one without TarFile, which accepts a tar that is truncated between two
    members, and which follows extended headers that a shard does not need.

    Args:
        name: name of the tar, for messages.
        limit: maximum size of a member in bytes.
    """
    while True:
        header = _read(fileobj, tarfile.BLOCKSIZE, name, "truncated: the end of the tar is missing")
        if not any(header):
            while rest := fileobj.read(_CHUNK):
                if any(rest):
                    raise DatasetError(f"{name}: data after the end of the tar")
            return
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise DatasetError(f"{name}: not a tar file, or damaged: {error}") from None
        shown = repr(member.name[:80])
        problem = _member_problem(member, limit)
        if problem:
            raise DatasetError(f"{name}: member {shown}: {problem}")
        padding = -member.size % tarfile.BLOCKSIZE
        data = _read(fileobj, member.size + padding, name, f"truncated inside member {shown}")
        if any(data[member.size :]):
            raise DatasetError(f"{name}: member {shown}: data between it and the next member")
        key, _, extension = member.name.partition(".")
        yield key, extension, data[: member.size]


def _member_problem(member: tarfile.TarInfo, limit: int) -> str | None:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return f"not a regular file ({_KINDS.get(member.type, 'special')})"
    if member.name.startswith("/"):
        return "an absolute path"
    if ".." in member.name.split("/"):
        return "a path that leaves the folder"
    if "/" in member.name or "\\" in member.name:
        return "a path with a folder"
    key, dot, extension = member.name.partition(".")
    if not dot or not KEY.fullmatch(key):
        return "not a name of the form <key>.<extension>"
    if extension not in EXTENSIONS:
        return f"'{extension}' is not one of {', '.join(EXTENSIONS)} (keys hold no dots)"
    if not 0 <= member.size <= limit:
        return f"{member.size} bytes: the limit is {limit}"
    return None


_KINDS = {
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.DIRTYPE: "folder",
    tarfile.FIFOTYPE: "pipe",
    tarfile.XHDTYPE: "extended header",
    tarfile.XGLTYPE: "extended header",
    tarfile.GNUTYPE_LONGNAME: "extended header",
    tarfile.GNUTYPE_LONGLINK: "extended header",
}


def _read(fileobj: BinaryIO, length: int, name: str, problem: str) -> bytes:
    data = fileobj.read(length)
    if len(data) < length:
        raise DatasetError(f"{name}: {problem}")
    return data
