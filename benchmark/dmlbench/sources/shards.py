"""Read a WebDataset: tar files whose samples hold an image and a json of its labels."""

from __future__ import annotations

import glob
import itertools
import math
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

import fsspec

from dmlbench.sources.decode import EXTENSIONS
from dmlbench.sources.listing import Listing
from dmlbench.sources.properties import Cell
from dmlbench.sources.tar_index import Member, index_samples, read_member
from dmldata.common.errors import DatasetError, InputError, PrismError
from dmldata.common.files import CHUNK
from dmldata.dataset_files import NO_ROOM, is_local, open_dataset_file, temporary_file

MAX_SHARDS = 100_000
_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)")


@dataclass(frozen=True)
class TarImages:
    """Images inside tar files.

    Attributes:
        urls: the tar files.
        places: [N] key of each image, index of its tar in `urls`, and its place in the tar.
    """

    urls: tuple[str, ...]
    places: tuple[tuple[str, int, Member], ...]

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """See `listing.ImageFiles`; each tar is opened once if the rows are in order."""
        for number, group in itertools.groupby(rows, lambda row: self.places[row][1]):
            with _opened(self.urls[number]) as file:
                for row in group:
                    _, _, member = self.places[row]
                    where = f"{self.urls[number]}: {member.name}"
                    data = read_member(file, member)
                    if len(data) < member.size:
                        raise DatasetError(f"{where}: truncated since it was opened")
                    yield where, data


def expand_shards(pattern: str) -> list[str]:
    """Return the files that a pattern names.

    Braces with ranges or lists are expanded in their order; the matches of `*` are sorted.

    Raises:
        InputError: braces hold neither a range nor a list, there are more than MAX_SHARDS files, or
            `*` matches no file.

    >>> expand_shards("s3://b/{train,val}-{08..10}.tar")[1:4]
    ['s3://b/train-09.tar', 's3://b/train-10.tar', 's3://b/val-08.tar']
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [
        _alternatives(part, pattern) if number % 2 else [part] for number, part in enumerate(parts)
    ]
    if math.prod(map(len, choices)) > MAX_SHARDS:
        raise InputError(f"{pattern}: valid: up to {MAX_SHARDS:,} shards")
    return [
        url for choice in itertools.product(*choices) for url in _matching("".join(choice), pattern)
    ]


def read_shards(pattern: str, image: str | None = None) -> Listing:
    """Read all samples of the shards in order; the fields of their json files are properties.

    An image without a json, or whose field is missing or null, has no label.

    Args:
        image: extension of the image, if samples hold several images.

    Raises:
        InputError: a shard does not exist or cannot be read.
        DatasetError: a shard is damaged, a key is in two shards, or there is no image at all.
    """
    urls = expand_shards(pattern)
    places: dict[str, tuple[str, int, Member]] = {}
    labels: list[dict[str, object] | None] = []
    without_image: list[str] = []
    for number, url in enumerate(urls):
        with _opened(url) as file:
            samples, keys_without_image = index_samples(file, url, image)
        without_image += keys_without_image
        for sample in samples:
            first_place = places.setdefault(sample.key, (sample.key, number, sample.image))
            if first_place[1] != number:
                raise DatasetError(
                    f"{url}: sample '{sample.key}' is also in {urls[first_place[1]]}; "
                    "valid: keys that are unique across shards"
                )
            labels.append(sample.labels)
    if not places:
        raise DatasetError(
            f"{pattern}: no images in {len(urls)} shards; valid: samples <key>.<extension> with "
            f"an image ({', '.join(EXTENSIONS)}) and a json"
        )
    columns, notes = _columns(list(places), labels)
    if without_image:
        what = f"no {image}" if image else "no image"
        notes.append(
            f"{len(without_image)} samples hold {what}: left out ('{without_image[0]}', ...)"
        )
    return Listing(
        name=_folder_name(urls[0]),
        keys=list(places),
        sizes=[member.size for _, _, member in places.values()],
        labels=columns,
        files=TarImages(tuple(urls), tuple(places.values())),
        notes=tuple(notes),
    )


def _folder_name(url: str) -> str:
    """Return the name of a shard's folder, or of the shard if it has no folder.

    >>> _folder_name("http://ann:pw@host/a.tar"), _folder_name("s3://b/cars/a.tar?image=jpg")
    ('a.tar', 'cars')
    """
    path = PurePosixPath(urlsplit(url).path if "://" in url else url)
    return path.parent.name or path.name


def _columns(
    keys: Sequence[str], labels: Sequence[dict[str, object] | None]
) -> tuple[dict[str, list[Cell]], list[str]]:
    """Return labels by property and notes; properties with a list or an object are left out."""
    columns: dict[str, list[Cell]] = defaultdict(lambda: [None] * len(keys))
    containers: dict[str, str] = {}
    for row, sample_labels in enumerate(labels):
        for name, label in (sample_labels or {}).items():
            if label is None or isinstance(label, str | int | float):
                columns[name][row] = label
            else:
                containers.setdefault(name, keys[row])
    notes = [
        f"property '{name}' left out: a list or an object, as in '{key}'"
        for name, key in containers.items()
    ]
    bare = sum(sample_labels is None for sample_labels in labels)
    if bare:
        notes.append(f"{bare} of {len(labels)} images have no json: no labels")
    return {name: cells for name, cells in columns.items() if name not in containers}, notes


def _alternatives(text: str, pattern: str) -> list[str]:
    matched = _RANGE.fullmatch(text)
    if matched is None and "," not in text:
        raise InputError(f"{pattern}: '{{{text}}}'; valid: {{000..012}} or {{train,val}}")
    if matched is None:
        return text.split(",")
    first, last = matched.groups()
    if int(last) - int(first) >= MAX_SHARDS:
        raise InputError(f"{pattern}: '{{{text}}}'; valid: up to {MAX_SHARDS:,} shards")
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]


def _matching(url: str, pattern: str) -> list[str]:
    if "*" not in url:
        return [url]
    try:
        fs, path = fsspec.core.url_to_fs(url)
        urls = sorted(fs.glob(path)) if not is_local(fs) else _local(url)
    except Exception as error:  # file systems raise many kinds
        raise InputError(f"{pattern}: cannot be read: {error}") from None
    if not urls:
        raise InputError(f"{pattern}: no file matches '{url}'")
    return urls if is_local(fs) else [fs.unstrip_protocol(match) for match in urls]


def _local(url: str) -> list[str]:
    """Return the local files that match, relative if the pattern is; only `*` is special."""
    path = url.removeprefix("file://")
    return sorted(glob.glob(path.replace("[", "[[]").replace("?", "[?]")))  # noqa: PTH207


@contextmanager
def _opened(url: str) -> Iterator[BinaryIO]:
    """Open a shard as a seekable file; a remote shard is first copied to a temporary file."""
    with ExitStack() as files:
        try:
            fs, path = fsspec.core.url_to_fs(url)
            source = files.enter_context(open_dataset_file(fs, path))
            if not is_local(fs):
                copy = files.enter_context(temporary_file(url))
                shutil.copyfileobj(source, copy, CHUNK)
        except PrismError:
            raise
        except FileNotFoundError:
            raise InputError(f"{url}: no such shard") from None
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            raise InputError(f"{url}: cannot be read: {error}") from None
        except Exception as error:  # file systems raise many kinds
            raise InputError(f"{url}: cannot be read: {error}") from None
        yield source if is_local(fs) else copy
