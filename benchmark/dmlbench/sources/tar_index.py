"""What a tar file of samples holds and where, without unpacking anything but labels."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dmlbench.sources.decode import EXTENSIONS
from dmlbench.sources.listing import path_problem
from dmldata.common.errors import DatasetError
from dmldata.common.strict import parse_plain_json
from dmldata.contract.tar import MAX_MEMBER_BYTES

_AT_FIRST_DOT = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
_AT_LAST_DOT = re.compile(r"((?:.*/)?[^/]+)\.([^./]+)")
"""Key and extension: WebDataset ends a key at the first dot of the file's name."""
_LABELS = ("json", "cls")
MAX_LABEL_BYTES = 1024**2
"""Of the json of one sample."""
_LONGEST_CLASS = 200
"""Bytes of a class; what is longer is none."""


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


def index_samples(
    file: BinaryIO, name: str, image: str | None = None
) -> tuple[list[TarSample], list[str]]:
    """Samples of a tar, and the keys of those that have no image.

    A key ends at the first dot of a file's name, as in WebDataset; where that gives samples of
    several images, and each file without its last extension gives one, keys hold dots. Labels are
    the members of a `json`, and what is in a `cls` as `class`. Whatever else is in it (pickles,
    arrays) is passed over. Nothing is ever written to disk.

    Args:
        file: the tar, open for reading and seekable.
        name: of the shard, for messages.
        image: extension of the image where samples hold several, such as `left.jpg`.

    Raises:
        DatasetError: names shard, member and reason: not a tar file, truncated, damaged, a size
            beyond the end of the file, a link or device, a path that leaves the folder, a sample
            with two images, a file given twice, a json that is no object.
    """
    members = list(_members(file, name))
    samples = _grouped(members, _AT_FIRST_DOT, name)
    if image is None and any(len(_images(files)) > 1 for files in samples.values()):
        by_last_dot = _grouped(members, _AT_LAST_DOT, name)
        if all(len(_images(files)) == 1 for files in by_last_dot.values()):
            samples = by_last_dot
    found, without = [], []
    for key, files in samples.items():
        images = [image] if image in files else _images(files) if image is None else []
        if len(images) > 1:
            raise DatasetError(
                f"{name}: sample '{key}' has several images: {', '.join(images)}; choose one with "
                f"?image={images[0]} after the shards"
            )
        if images:
            found.append(TarSample(key, files[images[0]], _labels_of(file, files, name)))
        else:
            without.append(key)
    return found, without


def _grouped(
    members: list[Member], pattern: re.Pattern[str], name: str
) -> dict[str, dict[str, Member]]:
    """By key, the files that count, by extension."""
    samples: dict[str, dict[str, Member]] = {}
    for member in members:
        matched = pattern.fullmatch(member.name)
        if matched is None:
            continue
        key, extension = matched[1], matched[2].lower()
        files = samples.setdefault(key, {})
        if extension.rpartition(".")[2] not in (*EXTENSIONS, *_LABELS):
            continue
        place = f"{name}: member '{member.name}'"
        if extension in files:
            raise DatasetError(f"{place} occurs more than once")
        if member.size > MAX_MEMBER_BYTES:
            raise DatasetError(f"{place}: {member.size} bytes: the limit is {MAX_MEMBER_BYTES}")
        files[extension] = member
    return samples


def _images(files: dict[str, Member]) -> list[str]:
    """Extensions of images; a mask is none."""
    images = [one for one in files if one.rpartition(".")[2] in EXTENSIONS]
    return [one for one in images if not one.startswith("mask.")] or images


def _labels_of(file: BinaryIO, files: dict[str, Member], name: str) -> dict[str, object] | None:
    found: dict[str, object] = {}
    if "cls" in files:
        found["class"] = _class(file, files["cls"])
    if "json" in files:
        found |= _labels(file, files["json"], name)
    return found if {"cls", "json"} & files.keys() else None


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
    if member.size > MAX_LABEL_BYTES:
        raise DatasetError(f"{place}: {member.size:,} bytes: the limit is {MAX_LABEL_BYTES:,}")
    content = parse_plain_json(read_member(file, member), place)
    if not isinstance(content, dict):
        raise DatasetError(f'{place}: no object; valid: {{"property": label, ...}}')
    return content


def _class(file: BinaryIO, member: Member) -> str | None:
    """The class in a `cls` member; None where it holds something else than a word."""
    if member.size > _LONGEST_CLASS:
        return None
    try:
        text = read_member(file, member).decode().strip()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
