"""Shards: write WebDataset tar files with deterministic bytes, and read untrusted ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dmldata.common.errors import DatasetError, InputError
from dmldata.common.files import atomic_file
from dmldata.contract.layout import ShardPlan, images_per_shard_for, shard_layout
from dmldata.contract.manifest import Shard
from dmldata.contract.samples import key_problem
from dmldata.contract.tar import (
    EXTENSIONS,
    IMAGE_EXTENSIONS,
    MAX_MEMBER_BYTES,
    members,
    write_end,
    write_member,
)

__all__ = [
    "EXTENSIONS",
    "IMAGE_EXTENSIONS",
    "MAX_MEMBER_BYTES",
    "Sample",
    "ShardPlan",
    "images_per_shard_for",
    "read_shard",
    "shard_layout",
    "write_shard",
]


class Sample(NamedTuple):
    """An image and its other files: bytes by extension ('jpg', 'mask.png', ...)."""

    key: str
    files: dict[str, bytes]

    @property
    def image_extension(self) -> str:
        """Return 'jpg' or 'png'."""
        return next(ext for ext in IMAGE_EXTENSIONS if ext in self.files)


def write_shard(
    path: str | os.PathLike[str], samples: Iterable[tuple[str, Mapping[str, bytes]]]
) -> Shard:
    """Write a shard named `<split>-000000.tar`; the same samples give the same bytes anywhere.

    Args:
        path: path of the shard, whose name begins with the split.
        samples: (key, bytes by extension) in the order of the shard; consumed one at a time.

    Returns:
        The shard's record for the manifest.

    Raises:
        InputError: a key is not valid, an extension is unknown, samples have different sets of
            files, or there are no samples.
    """
    path = Path(path)
    images = 0
    expected: frozenset[str] | None = None
    keys: set[str] = set()
    with atomic_file(path) as file:
        out = _Digesting(file)
        for key, files in samples:
            problem = _sample_problem(key, files, keys, expected)
            if problem:
                raise InputError(f"{path.name}: {problem}")
            expected = frozenset(files)
            keys.add(key)
            images += 1
            for extension in EXTENSIONS:
                if extension in files:
                    write_member(out.write, f"{key}.{extension}", files[extension])
        write_end(out.write, out.length)
        if not images:
            raise InputError(f"{path.name}: a shard needs at least one sample")
    return Shard(
        file=path.name,
        split=path.stem.rpartition("-")[0],
        images=images,
        bytes=out.length,
        sha256=out.digest.hexdigest(),
    )


def read_shard(
    fileobj: BinaryIO, name: str, *, max_member_bytes: int = MAX_MEMBER_BYTES
) -> Iterator[Sample]:
    """Yield the samples of a shard, read from front to back; nothing is written to disk.

    Args:
        fileobj: the tar, open for reading; it need not be seekable.
        name: name of the shard, for messages.
        max_member_bytes: maximum size of a member; a longer one is an error before it is read.

    Raises:
        DatasetError: not a tar file or truncated; a member is not a regular file (but a link,
            folder or device), has a folder in its name, has no known extension or is too large; a
            sample is not contiguous, occurs twice or is incomplete. Names shard and member.
    """
    expected: frozenset[str] | None = None
    seen: set[str] = set()
    key, files = "", dict[str, bytes]()
    for member_key, extension, data in members(fileobj, name, max_member_bytes):
        if member_key != key:
            if files:
                yield _checked(name, key, files, seen, expected)
                expected = frozenset(files)
                seen.add(key)
            key, files = member_key, {}
        if extension in files:
            raise DatasetError(f"{name}: member '{key}.{extension}' occurs more than once")
        files[extension] = data
    if files:
        yield _checked(name, key, files, seen, expected)


class _Digesting:
    """Counts and digests what passes through to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.length = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.length += len(data)


def _checked(
    name: str, key: str, files: dict[str, bytes], seen: set[str], expected: frozenset[str] | None
) -> Sample:
    problem = _sample_problem(key, files, seen, expected)
    if problem:
        raise DatasetError(f"{name}: {problem}")
    return Sample(key, files)


def _sample_problem(
    key: str, files: Mapping[str, bytes], seen: set[str], expected: frozenset[str] | None
) -> str | None:
    """Return what is wrong with a sample as a whole; None if nothing is."""
    unknown = [extension for extension in files if extension not in EXTENSIONS]
    if problem := key_problem(key):
        return problem
    if unknown:
        return f"sample '{key}': extension '{unknown[0]}' is not one of {', '.join(EXTENSIONS)}"
    if key in seen:
        return f"sample '{key}' is split apart or occurs more than once"
    if sum(extension in files for extension in IMAGE_EXTENSIONS) != 1:
        return f"sample '{key}' needs exactly one image (jpg or png), has {sorted(files)}"
    if "json" not in files:
        return f"sample '{key}' has no json"
    if expected is not None and expected != frozenset(files):
        return f"sample '{key}' has files {sorted(files)}, those before it {sorted(expected)}"
    return None
