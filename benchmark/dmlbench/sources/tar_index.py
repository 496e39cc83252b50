"""What a tar file of samples holds and where, without unpacking anything but labels."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dmlbench.sources.decode import EXTENSIONS
from dmlbench.sources.listing import path_problem
from dmldata.errors import DatasetError
from dmldata.tar import MAX_MEMBER_BYTES

_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
"""Key and extension, as in WebDataset: the key ends at the first dot of the file's name."""


class Member(NamedTuple):
    """A file inside a tar: its name, and where its bytes are."""

    name: str
    offset: int
    size: int


class TarSample(NamedTuple):
    """An image of a tar, and its labels: None where it has no json."""

    key: str
    image: Member
    labels: dict[str, object] | None


def index_samples(file: BinaryIO, name: str) -> tuple[list[TarSample], int]:
    """Samples of a tar, and how many more have no image.

    Only headers and `json` members are read; whatever else is in it (pickles, arrays) is passed
    over. Nothing is ever written to disk.

    Args:
        file: the tar, open for reading and seekable.
        name: of the shard, for messages.

    Raises:
        DatasetError: names shard, member and reason: not a tar file, truncated, damaged, a size
            beyond the end of the file, a link or device, a path that leaves the folder, a sample
            with two images, a file given twice, a json that is no object.
    """
    samples: dict[str, dict[str, Member]] = {}
    for member in _members(file, name):
        matched = _NAME.fullmatch(member.name)
        if matched is None:
            continue
        key, extension = matched[1], matched[2].lower()
        files = samples.setdefault(key, {})
        if extension not in (*EXTENSIONS, "json"):
            continue
        place = f"{name}: member '{member.name}'"
        if extension in files:
            raise DatasetError(f"{place} occurs more than once")
        if member.size > MAX_MEMBER_BYTES:
            raise DatasetError(f"{place}: {member.size} bytes: the limit is {MAX_MEMBER_BYTES}")
        files[extension] = member
    found = []
    for key, files in samples.items():
        images = [extension for extension in EXTENSIONS if extension in files]
        if len(images) > 1:
            raise DatasetError(f"{name}: sample '{key}' has several images: {', '.join(images)}")
        if images:
            labels = _labels(file, files["json"], name) if "json" in files else None
            found.append(TarSample(key, files[images[0]], labels))
    return found, len(samples) - len(found)


def read_member(file: BinaryIO, member: Member) -> bytes:
    """The bytes of a member."""
    file.seek(member.offset)
    return file.read(member.size)


def _members(file: BinaryIO, name: str) -> Iterator[Member]:
    length = file.seek(0, 2)
    file.seek(0)
    shown = ""
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="strict") as tar:
            for header in tar:
                shown = f" after member {header.name[:80]!r}"
                member = _checked(header, length, name)
                if member is not None:
                    yield member
            end = tar.offset
    except DatasetError:
        raise
    except Exception as error:  # tarfile raises many kinds for damaged headers
        raise DatasetError(f"{name}: not a tar file, or damaged{shown}: {error}") from None
    file.seek(end)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise DatasetError(f"{name}: truncated or damaged{shown}: the end of the tar is missing")


def _checked(header: tarfile.TarInfo, length: int, name: str) -> Member | None:
    """A regular file; None for a folder or a hidden file."""
    place = f"{name}: member {header.name[:80]!r}"
    if header.isdir():
        return None
    if not header.isreg() or header.issparse():
        raise DatasetError(f"{place}: a link, device or sparse file; valid: regular files")
    problem = path_problem(header.name)
    if problem:
        raise DatasetError(f"{place}: {problem}")
    if header.size < 0 or header.offset_data + header.size > length:
        raise DatasetError(f"{place}: {header.size} bytes by its header, more than the file has")
    path = header.name.removeprefix("./")
    if path.startswith((".", "__MACOSX/")) or "/." in path:
        return None
    return Member(path, header.offset_data, header.size)


def _labels(file: BinaryIO, member: Member, name: str) -> dict[str, object]:
    place = f"{name}: {member.name}"
    try:
        content = json.loads(read_member(file, member))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{place}: not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise DatasetError(f'{place}: no object; valid: {{"property": label, ...}}')
    return content
