"""The image source of labeled images that were not made for this project."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.sources.decode import decode_photograph
from dmlbench.sources.fingerprint import fingerprint_of
from dmlbench.sources.listing import ImageFiles, Listing, can_be_printed
from dmlbench.sources.properties import ImageProperty, describe, minus_one_notes
from dmlbench.sources.property_file import PropertySpec
from dmldata.common.errors import DatasetError, InputError, UnknownNameError
from dmldata.dataset import Item

if TYPE_CHECKING:
    import pyarrow as pa

KEY, SCENES = "key", "scene_id"


@dataclass(frozen=True)
class ObservedDescription:
    """A `protocol.Description` of photographs, none of whose properties was controlled."""

    name: str
    fingerprint: str
    images: int
    properties: Mapping[str, ImageProperty]
    version: str = ""
    design: str = "observed"
    sweep_group: str | None = None
    image_size: tuple[int, int] | None = None

    @property
    def varied(self) -> tuple[str, ...]:
        """Keys of the properties."""
        return tuple(self.properties)

    def factor(self, key: str) -> ImageProperty:
        """Return the property of this key.

        Raises:
            UnknownNameError: no such property; lists the valid keys.
        """
        if key not in self.properties:
            raise UnknownNameError("property", key, self.properties, where=self.name)
        return self.properties[key]


@dataclass(frozen=True)
class LabeledImages:
    """An image source without masks; made by `sources.open_source`."""

    url: str
    manifest: ObservedDescription
    keys: tuple[str, ...]
    scenes: tuple[int, ...] | None
    files: ImageFiles
    notes: tuple[str, ...]
    options: Mapping[str, str]
    has_masks: bool = False

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def fingerprint(self) -> str:
        """See `fingerprint.fingerprint_of`."""
        return self.manifest.fingerprint

    @cached_property
    def samples(self) -> pa.Table:
        """Table of N rows: `key`, `scene_id` if there are scenes, and the properties' values."""
        import pyarrow as pa

        scenes = {} if self.scenes is None else {SCENES: pa.array(self.scenes, pa.int64())}
        values = {
            name: pa.array(image_property.values, from_pandas=True)
            for name, image_property in self.manifest.properties.items()
        }
        return pa.table({KEY: pa.array(self.keys), **scenes, **values})

    def values(self, factor: str) -> NDArray[Any]:
        """See `protocol.ImageSource`.

        Raises:
            UnknownNameError: no such property.
        """
        return self.manifest.factor(factor).values

    def labels(self, factor: str) -> NDArray[np.int32]:
        """See `protocol.ImageSource`.

        Raises:
            UnknownNameError: no such property.
        """
        return self.manifest.factor(factor).labels

    def samples_iter(
        self, *, keys: Collection[str] | None = None, with_mask: bool = True
    ) -> Iterator[Item]:
        """Yield decoded images in order, without masks, whatever `with_mask` says.

        Raises:
            DatasetError: a key does not exist, or an image is missing, damaged or too large; the
                message names its file and key.
        """
        if keys is None:
            return self._items(range(len(self)))
        unknown = set(keys).difference(self._row_of)
        if unknown:
            raise DatasetError(f"{self.url}: no image '{min(unknown)}'")
        rows = sorted(self._row_of[key] for key in set(keys))
        return self._items(rows)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}

    def _items(self, rows: Sequence[int]) -> Iterator[Item]:
        for row, (where, data) in zip(rows, self.files.read(rows), strict=True):
            yield Item(self.keys[row], decode_photograph(data, where), None, self._row(row))

    def _row(self, row: int) -> dict[str, object]:
        values = {
            name: image_property.values[row]
            for name, image_property in self.manifest.properties.items()
        }
        absent = {name for name, value in values.items() if value != value}  # NaN
        return {KEY: self.keys[row], **values, **dict.fromkeys(absent)}


def labeled_images(
    listing: Listing, specs: Mapping[str, PropertySpec], url: str, options: Mapping[str, str]
) -> LabeledImages:
    """Make an image source from a listing and describe its properties.

    The labels `key` and `scene_id` are not properties: `key` is left out, and `scene_id` names the
    scene of each image (see `dmlbench.scores.jackknife`).

    Args:
        specs: what the property file says about properties, by name.
        url: where the images are, as specified by the user.
        options: the other options that the source was opened with.

    Raises:
        InputError: the property file names a property that does not exist.
        DatasetError: a name cannot be printed, or a label does not fit its property's kind.
    """
    labels = {name: cells for name, cells in listing.labels.items() if name not in (KEY, SCENES)}
    for name in specs:
        if name not in labels:
            raise UnknownNameError("property", name, labels, where=options["properties"])
    for name in (*labels, *listing.keys):
        if not can_be_printed(name):
            raise DatasetError(f"{url}: name {name[:80]!r} holds characters that cannot be printed")
    described = [
        describe(name, cells, specs.get(name, PropertySpec()), url)
        for name, cells in labels.items()
    ]
    properties = {
        image_property.key: image_property
        for image_property in described
        if image_property is not None
    }
    scenes = _scenes(listing, url)
    fingerprint = fingerprint_of(listing.keys, listing.sizes, properties, scenes)
    description = ObservedDescription(listing.name, fingerprint, len(listing.keys), properties)
    return LabeledImages(
        url=url,
        manifest=description,
        keys=tuple(listing.keys),
        scenes=scenes,
        files=listing.files,
        notes=(*listing.notes, *_notes(properties)),
        options=options,
    )


def _notes(properties: Mapping[str, ImageProperty]) -> Iterator[str]:
    if not properties:
        yield "the images have no properties: maps can be made, nothing can be scored"
    inferred = [
        str(image_property) for image_property in properties.values() if image_property.inferred
    ]
    if inferred:
        yield f"kinds inferred from the values ({'; '.join(inferred)}); --properties can tell them"
    yield from minus_one_notes(properties.values())
    if len(properties) > 1:
        yield (
            "the properties were observed, not drawn independently: what one scores may be due to "
            "another"
        )


def _scenes(listing: Listing, url: str) -> tuple[int, ...] | None:
    cells = listing.labels.get(SCENES)
    if cells is None:
        return None
    row = next((n for n, cell in enumerate(cells) if cell in (None, "") or cell != cell), None)
    if row is not None:
        raise InputError(
            f"{url}: image '{listing.keys[row]}' has no {SCENES}; valid: a scene for each image"
        )
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(str(cell), len(numbers)) for cell in cells)
