"""Index the samples of a tar file of others; only labels are unpacked.

`tarfile` reads their long names and extended headers, which `dmldata.contract.tar` refuses in
shards of the contract.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dmlbench.sources.decode import EXTENSIONS
from dmlbench.sources.listing import can_be_printed, path_problem
from dmldata.common.errors import DatasetError
from dmldata.common.strict import parse_plain_json
from dmldata.contract.tar import MAX_MEMBER_BYTES

_AT_FIRST_DOT = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
_AT_LAST_DOT = re.compile(r"((?:.*/)?[^/]+)\.([^./]+)")
"""Key and extension: WebDataset ends a key at the first dot of the file's name."""
_LABELS = ("json", "cls")
MAX_LABEL_BYTES = 1024**2
"""Maximum size of the json of one sample."""
_MAX_CLASS_BYTES = 200
"""Maximum size of a `cls` member; a longer one does not hold a class."""


class Member(NamedTuple):
    """A file inside a tar: its name, and the offset and size of its data in bytes."""

    name: str
    offset: int
    size: int


class TarSample(NamedTuple):
    """An image in a tar, and its labels; None if it has neither a json nor a cls."""

    key: str
    image: Member
    labels: dict[str, object] | None


def index_samples(
    file: BinaryIO, name: str, image: str | None = None
) -> tuple[list[TarSample], list[str]]:
    """Return the samples of a tar, and the keys of those without an image.

    A key ends at the first dot of a file's name, as in WebDataset. If that gives samples with
    several images, and no file `<key>.<extension>` with one extension alone, or labels for each
    image, keys may contain dots: they end at the last dot then. Labels are the fields of a `json`,
    and the content of a `cls` as `class`. Other members (pickles, arrays) are ignored. Nothing is
    written to disk.

    Args:
        file: the tar, open for reading and seekable.
        name: name of the shard, for messages.
        image: extension of the image, such as `left.jpg`, if samples hold several images.

    Raises:
        DatasetError: not a tar file, truncated or damaged, a size beyond the end of the file, a
            link or device, a path that leaves the folder, a sample with two images, a duplicate
            file, or a json that is not an object; the message names shard, member and reason.
    """
    members = list(_members(file, name))
    samples = _grouped(members, _AT_FIRST_DOT, name)
    crowded = [files for files in samples.values() if len(_images(files)) > 1]
    if image is None and crowded and all(map(_have_dotted_keys, crowded)):
        samples = _grouped(members, _AT_LAST_DOT, name)
    tar_samples, keys_without_image = [], []
    for key, files in samples.items():
        images = [image] if image in files else _images(files) if image is None else []
        if len(images) > 1:
            raise DatasetError(
                f"{name}: sample '{key}' has several images: {', '.join(images)}; choose one with "
                f"?image={images[0]} after the shards"
            )
        if images:
            labels = _labels_of(file, files, images[0], name)
            tar_samples.append(TarSample(key, files[images[0]], labels))
        else:
            keys_without_image.append(key)
    return tar_samples, keys_without_image


def _grouped(
    members: list[Member], pattern: re.Pattern[str], name: str
) -> dict[str, dict[str, Member]]:
    """Return the image and label files of each sample, by key and extension."""
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


def _have_dotted_keys(files: dict[str, Member]) -> bool:
    """Return whether several images under one key are rather samples whose keys have dots.

    Either all files have dots in their extensions, or each image that has brings its own labels.
    """
    dotted = [image.rpartition(".")[0] for image in _images(files) if "." in image]
    return all("." in extension for extension in files) or all(
        any(f"{part}.{kind}" in files for kind in _LABELS) for part in dotted
    )


def _images(files: dict[str, Member]) -> list[str]:
    """Return the extensions of a sample's images; a mask counts only if there is no other image."""
    images = [extension for extension in files if extension.rpartition(".")[2] in EXTENSIONS]
    return [extension for extension in images if not extension.startswith("mask.")] or images


def _labels_of(
    file: BinaryIO, files: dict[str, Member], image: str, name: str
) -> dict[str, object] | None:
    """Return the labels beside an image: those of the sample, or of `1.0.jpg` also `1.0.json`."""
    part = image.rpartition(".")[0]
    cls, fields = (files.get(kind, files.get(f"{part}.{kind}")) for kind in ("cls", "json"))
    if cls is None and fields is None:
        return None
    labels: dict[str, object] = {}
    if cls is not None:
        labels["class"] = _class(file, cls)
    if fields is not None:
        labels |= _labels(file, fields, name)
    return labels


def read_member(file: BinaryIO, member: Member) -> bytes:
    """Return the bytes of a member."""
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
    """Return a regular file as a member; None for a folder or a hidden file."""
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
        raise DatasetError(f'{place}: not an object; valid: {{"property": label, ...}}')
    return content


def _class(file: BinaryIO, member: Member) -> str | None:
    """Return the class in a `cls` member; None if it does not hold printable text."""
    if member.size > _MAX_CLASS_BYTES:
        return None
    try:
        text = read_member(file, member).decode().strip()
    except UnicodeDecodeError:
        return None
    return text if can_be_printed(text) else None
