"""Check a whole dataset and list every problem."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple, cast

import fsspec

from dmldata.card.checksums import CHECKSUMS_FILE, read_checksums
from dmldata.card.write import CARD_FILES
from dmldata.common.errors import DatasetError, InputError
from dmldata.common.files import CHUNK, MAX_DOCUMENT_BYTES, check_regular, finish_replacing
from dmldata.common.progress import Progress
from dmldata.contract.checks import digest_problem
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, Samples, Shard, read_manifest
from dmldata.contract.samples import SAMPLES_FILE, Row, read_samples
from dmldata.contract.shards import read_shard
from dmldata.dataset_files import is_local, open_dataset_file, read_dataset_file
from dmldata.locate import connect, locate
from dmldata.verify.rows import row_problems
from dmldata.verify.sample import sample_problems

Rows = dict[str, dict[str, Row]]
"""Rows by shard and key, in the order of samples.parquet."""


class Problem(NamedTuple):
    """A problem of a dataset: the file, and what is wrong with it."""

    file: str
    what: str


def verify(url: str | os.PathLike[str], progress: Progress | None = None) -> list[Problem]:
    """Check every file, every sample and every row of a dataset.

    The checks are: files have the digests of checksums.sha256 and dataset.json; each picture
    decodes and has the stated size; masks hold 0 to 5; each json equals its row; rows and samples
    match one to one; images per shard and split, bins, credits and car boxes are right; no file is
    missing or unlisted. Hidden files (names that start with a dot) are ignored. If a change of the
    card was interrupted, it is completed first.

    Args:
        url: folder or fsspec URL.
        progress: called as ('verify images', images done, total images).

    Returns:
        All problems, file by file; empty for a valid dataset.

    Raises:
        InputError: the URL cannot be read, or its files cannot be listed.
        DatasetError: there is no dataset.json.

    >>> verify("package:sample")
    []
    """
    location = locate(url)
    with suppress(OSError):
        finish_replacing(location.place)
    fs, root, manifest_bytes = connect(location)
    return list(_Verification(fs, root, progress).problems(manifest_bytes))


class _Verification:
    def __init__(self, fs: fsspec.AbstractFileSystem, root: str, progress: Progress | None) -> None:
        self.fs = fs
        self.root = root
        self.progress = progress
        self.digests: dict[str, tuple[int, str]] = {}

    def problems(self, manifest_bytes: bytes) -> Iterator[Problem]:
        present = self._present()
        for name in sorted(present if is_local(self.fs) else ()):
            try:
                check_regular(f"{self.root}/{name}")
            except OSError as error:
                yield Problem(name, error.strerror or str(error))
                present.remove(name)
        try:
            manifest = read_manifest(manifest_bytes)
        except DatasetError as error:
            yield Problem(MANIFEST_FILE, str(error).removeprefix(f"{MANIFEST_FILE}: "))
        else:
            rows = yield from self._samples(manifest)
            yield from self._shards(manifest, rows, present)
        yield from self._checksums(present)

    def _present(self) -> set[str]:
        """Return the names of all files of the folder except hidden ones."""
        prefix = len(self.root.strip("/"))
        names = {path.strip("/")[prefix:].strip("/") for path in self.fs.find(self.root)}
        if MANIFEST_FILE not in names:
            raise InputError(f"{self.root}: its files cannot be listed; verify a copy on disk")
        # A web server's list of a folder has links to itself, sorted in other ways.
        return {name for name in names if name and not name.startswith((".", "?"))}

    def _samples(self, manifest: Manifest) -> Generator[Problem, None, Rows | None]:
        """Yield the problems of samples.parquet; return its rows, or None if they are unusable."""
        try:
            data = self._read(SAMPLES_FILE, manifest.samples.bytes + CHUNK)
            yield from self._digest_problems(SAMPLES_FILE, manifest.samples)
            table = read_samples(io.BytesIO(data))
        except DatasetError as error:
            yield Problem(SAMPLES_FILE, str(error).removeprefix(f"{SAMPLES_FILE}: "))
            return None
        yield from (Problem(SAMPLES_FILE, what) for what in row_problems(table, manifest))
        if not {"key", "shard"} <= set(table.schema.names):
            return None
        rows: Rows = {}
        for row in table.to_pylist():
            rows.setdefault(row["shard"], {})[row["key"]] = row
        return rows

    def _shards(
        self, manifest: Manifest, rows: Rows | None, present: set[str]
    ) -> Iterator[Problem]:
        done = 0
        for shard in manifest.shards:
            expected = None if rows is None else rows.get(shard.file, {})
            if shard.file not in present:
                yield Problem(shard.file, "missing")
            else:
                yield from self._shard(shard, expected, manifest)
            done += shard.images
            if self.progress:
                self.progress("verify images", done, manifest.images)
        listed = {shard.file for shard in manifest.shards}
        for name in sorted(present - listed):
            if name.endswith(".tar"):
                yield Problem(name, f"a shard that {MANIFEST_FILE} does not list")

    def _shard(
        self,
        shard: Shard,
        rows: dict[str, Row] | None,
        manifest: Manifest,
    ) -> Iterator[Problem]:
        """Check the digest and the samples of a shard in one pass."""
        keys: list[str] = []
        whole = True
        with open_dataset_file(self.fs, f"{self.root}/{shard.file}") as file:
            source = _Digesting(file)
            try:
                for sample in read_shard(cast(BinaryIO, source), shard.file):
                    keys.append(sample.key)
                    row = None if rows is None else rows.get(sample.key, {})
                    for what in sample_problems(sample, row, manifest):
                        yield Problem(shard.file, what)
            except DatasetError as error:
                whole = False
                yield Problem(shard.file, str(error).removeprefix(f"{shard.file}: "))
            while source.read(CHUNK):
                pass
        self.digests[shard.file] = (source.length, source.digest.hexdigest())
        yield from self._digest_problems(shard.file, shard)
        if whole and len(keys) != shard.images:
            what = f"{len(keys)} samples, {MANIFEST_FILE} says {shard.images}"
            yield Problem(shard.file, what)
        for what in _row_differences(keys, rows):
            yield Problem(shard.file, what)

    def _checksums(self, present: set[str]) -> Iterator[Problem]:
        listed: dict[str, str] = {}
        try:
            listed = read_checksums(self._read(CHECKSUMS_FILE).decode("utf-8", "replace"))
        except DatasetError as error:
            yield Problem(CHECKSUMS_FILE, str(error).removeprefix(f"{CHECKSUMS_FILE}: "))
        for name in sorted(listed.keys() | present | set(CARD_FILES)):
            if name == CHECKSUMS_FILE:
                continue
            if name not in present:
                named = f" (named by {CHECKSUMS_FILE})" if name in listed else ""
                yield Problem(name, f"missing{named}")
            elif name not in listed:
                yield Problem(name, f"not in {CHECKSUMS_FILE}")
            elif self._digest(name)[1] != listed[name]:
                yield Problem(name, f"its sha256 is not the one in {CHECKSUMS_FILE}")

    def _digest_problems(self, name: str, expected: Shard | Samples) -> Iterator[Problem]:
        problem = digest_problem(expected, *self._digest(name))
        if problem:
            yield Problem(name, problem)

    def _digest(self, name: str) -> tuple[int, str]:
        if name not in self.digests:
            with open_dataset_file(self.fs, f"{self.root}/{name}") as file:
                source = _Digesting(file)
                while source.read(CHUNK):
                    pass
            self.digests[name] = (source.length, source.digest.hexdigest())
        return self.digests[name]

    def _read(self, name: str, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
        try:
            return read_dataset_file(self.fs, f"{self.root}/{name}", limit)
        except FileNotFoundError:
            raise DatasetError(f"{name}: missing") from None


class _Digesting:
    """A file that counts and digests the bytes read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.length = 0
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.length += len(data)
        self.digest.update(data)
        return data


def _row_differences(keys: list[str], rows: dict[str, Row] | None) -> Iterator[str]:
    if rows is None:
        return
    for key in sorted(rows.keys() - set(keys)):
        yield f"sample '{key}' of {SAMPLES_FILE} is missing"
    if set(keys) == rows.keys() and keys != list(rows):
        yield f"samples are not in the order of {SAMPLES_FILE}"
