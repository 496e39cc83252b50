"""The rows of a plan, kept as columns: a million images take some 50 MB instead of gigabytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from dmldata.common.arrays import Ints
from dmldata.contract.factors import Value


@dataclass(frozen=True)
class PlannedImage:
    """One row of the plan.

    Attributes:
        key: name of the image in its dataset.
        scene_id: images of a scene differ in the swept group only.
        variant_id: images of a variant have the same values of the swept group, in every scene.
        seed: seed of the renderer's noise, 0 .. 2^31 - 1; the same for all variants of a scene.
        values: factor -> value, None where the factor does not apply.
    """

    key: str
    split: str
    scene_id: int
    variant_id: int
    seed: int
    values: dict[str, Value | None]


@dataclass(frozen=True)
class Column:
    """A value per image: `values[codes[i]]` is that of image i."""

    values: tuple[Value | None, ...]
    codes: Ints

    @classmethod
    def of(cls, values: Sequence[Value | None], codes: Ints) -> Column:
        """Return a column with codes of the smallest type that holds them."""
        return cls(tuple(values), codes.astype(np.min_scalar_type(len(values))))

    def take(self, rows: Ints | slice) -> Column:
        """Return the column of some images."""
        return Column(self.values, self.codes[rows])

    def listed(self) -> list[Value | None]:
        """Return the value of each image."""
        return [self.values[code] for code in self.codes.tolist()]


@dataclass(frozen=True, eq=False)
class PlannedImages(Sequence[PlannedImage]):
    """The images of a plan in order; each is made of its columns when it is asked for.

    Attributes:
        numbers: [N], of which the keys are made.
        scenes, variants, seeds: [N].
        splits: the split of each image.
        values: the factors' and labels' columns by key.
    """

    numbers: Ints
    scenes: Ints
    variants: Ints
    seeds: Ints
    splits: Column
    values: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> PlannedImage: ...
    @overload
    def __getitem__(self, place: slice) -> PlannedImages: ...
    def __getitem__(self, place: int | slice) -> PlannedImage | PlannedImages:
        if isinstance(place, slice):
            return self.take(place)
        row = range(len(self))[place]
        return next(iter(self.take(slice(row, row + 1))))

    def __iter__(self) -> Iterator[PlannedImage]:
        keys = list(self.values)
        numbers = (column.tolist() for column in (self.scenes, self.variants, self.seeds))
        rows = zip(*(column.listed() for column in self.values.values()), strict=True)
        columns = zip(self.keys(), self.splits.listed(), *numbers, rows, strict=True)
        for key, split, scene, variant, seed, row in columns:
            values = dict(zip(keys, row, strict=True))
            yield PlannedImage(key, str(split), scene, variant, seed, values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(ours == theirs for ours, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def keys(self) -> list[str]:
        """Return the name of each image."""
        return [f"{number:06d}" for number in self.numbers.tolist()]

    def take(self, rows: Ints | slice) -> PlannedImages:
        """Return some of the images, in this order."""
        return PlannedImages(
            self.numbers[rows],
            self.scenes[rows],
            self.variants[rows],
            self.seeds[rows],
            self.splits.take(rows),
            {key: column.take(rows) for key, column in self.values.items()},
        )


def values_of(images: Sequence[PlannedImage], key: str) -> list[Value | None]:
    """Return a factor's value of each image."""
    if isinstance(images, PlannedImages):
        return images.values[key].listed()
    return [image.values[key] for image in images]
