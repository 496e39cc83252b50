"""Read a dataset, with checks of every file, in one defined order."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import fsspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmldata.common.errors import DatasetError, UnknownNameError
from dmldata.common.extras import require_extras
from dmldata.common.files import CHUNK
from dmldata.contract.checks import columns_problem, digest_problem, order_problem
from dmldata.contract.decode import decode_image, decode_mask
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, Shard, read_manifest
from dmldata.contract.samples import SAMPLES_FILE, Row, read_samples
from dmldata.contract.shards import Sample, read_shard
from dmldata.dataset_files import is_local, open_dataset_file, temporary_file
from dmldata.locate import Location, connect, locate
from dmldata.views.page import first_pictures

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dmldata.views.torch_images import TorchImages


class Item(NamedTuple):
    """A decoded sample: RGB image, mask uint8 [H, W] (None if not requested), row."""

    key: str
    image: Image.Image
    mask: NDArray[np.uint8] | None
    row: Row


def open_dataset(url: str | os.PathLike[str] | Location, *, split: str | None = None) -> Dataset:
    """Open a dataset in a folder, at a URL that fsspec reads, on the Hub, or of the project.

    This reads only dataset.json; other files are read when they are needed.

    Args:
        url: a place as for `dmldata.locate.locate`, or its result.
        split: open only the images of this split; all if None.

    Raises:
        InputError: the URL cannot be read at all (unknown protocol).
        UnknownNameError: there is no such split.
        DatasetError: there is no dataset, its manifest is not valid, or it has no images.

    >>> dataset = open_dataset("package:sample")
    >>> len(dataset), dataset.manifest.factor("paint_hue").kind
    (64, 'cyclic')
    """
    location = url if isinstance(url, Location) else locate(url)
    url = location.url
    fs, root, data = connect(location)
    manifest = read_manifest(data, f"{url.rstrip('/')}/{MANIFEST_FILE}")
    if not manifest.images:
        raise DatasetError(f"{url}: the dataset is empty: {MANIFEST_FILE} lists no shards")
    return Dataset(url, fs, root, manifest, split)


class Dataset:
    """A dataset on disk or at a URL, or one split of it; made by `open_dataset`.

    Attributes:
        manifest: content of dataset.json; for one split, with only its shards, so that the split
            has a fingerprint of its own.
        notes: empty; see `dmlbench.sources.ImageSource`, whose interface a dataset has.
        options: the split, if one was chosen.

    >>> dataset = open_dataset("package:sample")
    >>> dataset.labels("car_model").shape, dataset.has_masks
    ((64,), True)
    >>> item = next(dataset.samples_iter())
    >>> item.image.size, item.mask.shape, item.row["key"] == item.key
    ((256, 256), (256, 256), True)
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        url: str,
        fs: fsspec.AbstractFileSystem,
        root: str,
        manifest: Manifest,
        split: str | None = None,
    ) -> None:
        _check_names("split", split and [split], list(manifest.splits), url)
        self.url = url
        self.fs = fs
        self.root = root
        self.options: Mapping[str, str] = {"split": split} if split else {}
        self._whole = manifest
        self.manifest = _of_split(manifest, split) if split else manifest

    def __len__(self) -> int:
        return self.manifest.images

    @property
    def fingerprint(self) -> str:
        """Return `Manifest.fingerprint`."""
        return self.manifest.fingerprint

    @property
    def has_masks(self) -> bool:
        """Return whether every image has a mask of its parts."""
        return "mask.png" in self.manifest.sample_files

    @cached_property
    def samples(self) -> pa.Table:
        """Read the N rows of samples.parquet, in the order of the shards and their samples.

        Raises:
            DatasetError: the file is missing or altered, or its columns or the order of its rows
                differ from the manifest.
        """
        name = SAMPLES_FILE
        try:
            with open_dataset_file(self.fs, self.path(name)) as file:
                data = file.read(self.manifest.samples.bytes + 1)
        except FileNotFoundError:
            raise DatasetError(f"{name}: missing") from None
        expected = self.manifest.samples
        problem = digest_problem(expected, len(data), hashlib.sha256(data).hexdigest())
        if problem:
            raise DatasetError(f"{name}: {problem}")
        table = read_samples(io.BytesIO(data), self._whole.images)
        problem = columns_problem(table, self._whole.factors) or order_problem(table, self._whole)
        if problem:
            raise DatasetError(f"{name}: {problem}")
        if self.manifest is self._whole:
            return table
        splits = table["split"].to_numpy(zero_copy_only=False)
        return table.filter(np.isin(splits, list(self.manifest.splits)))

    def labels(self, factor: str) -> NDArray[np.int32]:
        """Return the bins of a factor, int32 [N]; -1 where it does not apply.

        Raises:
            UnknownNameError: there is no such factor.
        """
        column = self.samples[f"{self.manifest.factor(factor).key}_bin"]
        return np.array([-1 if bin_ is None else bin_ for bin_ in column.to_pylist()], np.int32)

    def values(self, factor: str) -> NDArray[Any]:
        """Return the values of a factor, [N]: float64, or object (str) for names.

        Where the factor does not apply, the value is NaN or None.

        Raises:
            UnknownNameError: there is no such factor.
        """
        described = self.manifest.factor(factor)
        column = self.samples[described.key].to_pylist()
        return np.array(column, np.float64 if described.is_numeric else object)

    def samples_iter(
        self,
        splits: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        with_mask: bool = True,
        *,
        shards: Collection[str] | None = None,
    ) -> Iterator[Item]:
        """Yield decoded samples in the order of samples.parquet.

        The length and digest of a shard are checked before its first sample is yielded.

        Args:
            splits: names of splits to read; all if None.
            keys: keys of samples to read; all if None. Shards without any of them are not opened.
            with_mask: decode masks; if False, `Item.mask` is None.
            shards: file names of shards to read; all if None. Workers can share a dataset by it.

        Raises:
            UnknownNameError: a split or shard does not exist.
            DatasetError: a key does not exist; a shard is missing, truncated, altered or differs
                from samples.parquet. Names the shard, the member and the reason.
        """
        _check_names("split", splits, list(self.manifest.splits), self.url)
        _check_names("shard", shards, [shard.file for shard in self.manifest.shards], self.url)
        known_keys = None if keys is None else self._known_keys(keys)
        return self._items(splits, known_keys, with_mask, shards)

    def _items(
        self,
        splits: Collection[str] | None,
        keys: set[str] | None,
        with_mask: bool,
        shards: Collection[str] | None,
    ) -> Iterator[Item]:
        for shard, table in self._shards_with_rows():
            if splits is not None and shard.split not in splits:
                continue
            if shards is not None and shard.file not in shards:
                continue
            if keys is not None and keys.isdisjoint(table["key"].to_pylist()):
                continue
            for sample, row in self._rows_of(shard, table):
                if keys is None or sample.key in keys:
                    yield self._decoded(shard, sample, row, with_mask)

    def encoded_samples(self) -> Iterator[tuple[Sample, Row]]:
        """Yield the files of every sample as they are in the shard, and its row.

        The order is that of samples.parquet. The length and digest of a shard are checked before
        its first sample is yielded.

        Raises:
            DatasetError: a shard is missing, truncated, altered or differs from samples.parquet.
                Names the shard, the member and the reason.
        """
        for shard, table in self._shards_with_rows():
            yield from self._rows_of(shard, table)

    def _shards_with_rows(self) -> Iterator[tuple[Shard, pa.Table]]:
        start = 0
        for shard in self.manifest.shards:
            yield shard, self.samples.slice(start, shard.images)
            start += shard.images

    def to_frame(self) -> pd.DataFrame:
        """Return the rows of samples.parquet: a row per image, a column per factor and its bin.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_extras("pandas")
        frame: pd.DataFrame = self.samples.to_pandas()
        return frame

    def to_torch(
        self, label: str = "car_model", transform: Callable[[Image.Image], Any] | None = None
    ) -> TorchImages:
        """Return images with one label each, as a dataset of PyTorch: for a DataLoader.

        Args:
            label: the factor whose bins are the labels.
            transform: called with each image, such as the transforms of torchvision.

        Raises:
            UnknownNameError: there is no such factor.
            MissingPackageError: torch is not installed.
        """
        require_extras("torch")
        from dmldata.views.torch_images import TorchImages

        return TorchImages(self, label, transform)

    def to_datasets(self) -> Any:
        """Return the images, maps and columns as a `datasets.Dataset`, in memory.

        Raises:
            MissingPackageError: datasets is not installed.
        """
        from dmldata.views.hugging_face import hugging_face_dataset

        return hugging_face_dataset(self)

    def __repr__(self) -> str:
        width, height = self.manifest.image_size
        split = f", split {self.options['split']}" if "split" in self.options else ""
        name, version = self.manifest.name, self.manifest.version
        return f"<Dataset {name} {version}{split}: {len(self)} images, {width} x {height} pixels>"

    def _repr_html_(self) -> str:
        return first_pictures(self)

    @contextmanager
    def open_shard(self, shard: Shard) -> Iterator[BinaryIO]:
        """Open a shard as a binary file, after a check of its length and digest.

        The bytes that are read are those that were checked: a remote shard is first copied to a
        temporary file.

        Raises:
            DatasetError: the shard is missing, truncated or altered.
        """
        try:
            source = open_dataset_file(self.fs, self.path(shard.file))
        except FileNotFoundError:
            raise DatasetError(f"{shard.file}: missing") from None
        with ExitStack() as files:
            files.enter_context(source)
            local = is_local(self.fs)
            checked = source if local else files.enter_context(temporary_file(shard.file))
            length, digest = 0, hashlib.sha256()
            while length <= shard.bytes and (chunk := source.read(CHUNK)):
                length += len(chunk)
                digest.update(chunk)
                if not local:
                    checked.write(chunk)
            problem = digest_problem(shard, length, digest.hexdigest())
            if problem:
                raise DatasetError(f"{shard.file}: {problem}")
            checked.seek(0)
            yield checked

    def path(self, name: str) -> str:
        """Return the path of a file of the dataset in `fs`."""
        return f"{self.root}/{name}"

    def _known_keys(self, keys: Collection[str]) -> set[str]:
        requested = set(keys)
        unknown = requested.difference(self.samples["key"].to_pylist())
        if unknown:
            raise DatasetError(f"{self.url}: no sample '{min(unknown)}' in {SAMPLES_FILE}")
        return requested

    def _rows_of(self, shard: Shard, table: pa.Table) -> Iterator[tuple[Sample, Row]]:
        rows = iter(table.to_pylist())
        with self.open_shard(shard) as file:
            for sample in read_shard(file, shard.file):
                row = next(rows, None)
                if row is None or row["key"] != sample.key:
                    expected = "no more samples" if row is None else f"'{row['key']}'"
                    raise DatasetError(
                        f"{shard.file}: holds '{sample.key}' where {SAMPLES_FILE} has {expected}"
                    )
                yield sample, row
        missing = next(rows, None)
        if missing is not None:
            raise DatasetError(f"{shard.file}: '{missing['key']}' of {SAMPLES_FILE} is missing")

    def _decoded(self, shard: Shard, sample: Sample, row: Row, with_mask: bool) -> Item:
        size = self.manifest.image_size
        extension = sample.image_extension
        where = f"{shard.file}: {sample.key}"
        image = decode_image(sample.files[extension], extension, size, f"{where}.{extension}")
        if not with_mask:
            return Item(sample.key, image, None, row)
        if "mask.png" not in sample.files:
            raise DatasetError(f"{where}: has no mask.png")
        mask = decode_mask(sample.files["mask.png"], size, f"{where}.mask.png")
        return Item(sample.key, image, mask, row)


def _of_split(manifest: Manifest, split: str) -> Manifest:
    shards = tuple(shard for shard in manifest.shards if shard.split == split)
    parts = {"shards": shards, "splits": {split: manifest.splits[split]}}
    return Manifest(**(dict(manifest) | parts))


def _check_names(kind: str, names: Collection[str] | None, valid: list[str], where: str) -> None:
    for name in names or ():
        if name not in valid:
            raise UnknownNameError(kind, name, valid, where=where)
