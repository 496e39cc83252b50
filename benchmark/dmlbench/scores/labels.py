"""The labels of a property, checked once, so that the modules that compute can trust them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dmldata.common.arrays import Ints
from dmldata.common.errors import InputError, UnknownNameError

MAX_VALUE = 1e150
"""Largest magnitude of a value: squares of differences have to be numbers."""

Kind = Literal["categorical", "linear", "cyclic"]
LabelColumn = Sequence[object] | NDArray[np.generic]
"""One label per image [N]."""


@dataclass(frozen=True)
class Property:
    """One property of the images: a label per image, and how labels relate to each other.

    Args:
        labels: [N] integers, text, or floats; NaN or None means that the image has no label.
        kind: 'categorical' (no order), 'linear' (ordered) or 'cyclic' (ordered on a circle).
        values: [N] floats behind the labels of a linear or cyclic property (a label is the bin of
            a value), NaN where there is none; the labels themselves where this is None.
        period: length of the circle of a cyclic property, in the unit of its values.
        unit: unit of the values; empty for none.

    >>> Property([0, 0, 1, 2], kind="cyclic", values=[5.0, 5.0, 95.0, 350.0], period=360.0).kind
    'cyclic'
    """

    labels: LabelColumn
    kind: Kind = "categorical"
    values: LabelColumn | None = None
    period: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Labels:
    """The labels of one property as codes.

    Attributes:
        rows: [n] rows of the images that have a label.
        units: [n] code of each image's unit, whose images are no neighbors of each other: its scene
            where the label belongs to the scene, otherwise the image itself.
        codes: [n] in 0..C-1, the label of each of these images.
        sizes: [C] number of images with each label.
        names: the C labels as text.
        missing: number of images without a label.
    """

    rows: Ints
    codes: Ints
    sizes: Ints
    names: list[str] = field(repr=False)
    missing: int
    units: Ints = field(repr=False)

    @property
    def queries(self) -> NDArray[np.bool_]:
        """Which images [n] have a neighbor with their label to find."""
        return self.sizes[self.codes] > np.bincount(self.units)[self.units]

    @property
    def once(self) -> int:
        """Number of labels that occur once, in one image or one scene."""
        return len(self.sizes) - len(np.unique(self.codes[self.queries]))

    @property
    def reason(self) -> str | None:
        """Why this property has no score; None where it has one."""
        if len(self.rows) == 0:
            return "no image has a label"
        if len(self.sizes) == 1:
            return f"a single label ('{self.names[0]}'): a score compares at least two"
        if not self.queries.any():
            where = "once" if int(self.units.max()) + 1 == len(self.rows) else "in one scene only"
            return f"every label occurs {where}: no image has a neighbor with its label"
        return None


def encode_labels(
    labels: LabelColumn, images: int, name: str = "labels", scenes: Ints | None = None
) -> Labels:
    """Return labels as codes, without the images that have none.

    Args:
        scenes: [N] code of the scene of each image; None where each shows its own.

    Raises:
        InputError: not one label per image, infinite, or of a type that cannot be a label.

    >>> coded = encode_labels(["red", None, "blue", "red"], 4)
    >>> coded.rows.tolist(), coded.sizes[coded.codes].tolist(), coded.once
    ([0, 2, 3], [2, 1, 2], 1)
    """
    array = _as_column(labels, images, name)
    kind = array.dtype.kind
    if kind == "f":
        if np.isinf(array).any():
            raise _infinite(name, "label", int(np.isinf(array).argmax()))
        present = ~np.isnan(array)
    elif kind == "O":
        present = np.array([not _absent(label) for label in array.tolist()], dtype=bool)
        for row, label in enumerate(array.tolist()):
            if isinstance(label, float) and math.isinf(label):
                raise _infinite(name, "label", row)
    elif kind in "iubU":
        present = np.ones(images, dtype=bool)
    else:
        raise InputError(f"{name}: dtype {array.dtype}; valid: integers, text, or floats with NaN")
    rows = np.flatnonzero(present)
    distinct, codes = _distinct(array[rows], name)
    return Labels(
        rows=rows,
        codes=codes,
        sizes=np.bincount(codes, minlength=len(distinct)),
        names=[str(label) for label in distinct],
        missing=images - len(rows),
        units=_units(codes, None if scenes is None else scenes[rows]),
    )


def belong_to_scenes(codes: Ints, scenes: Ints) -> bool:
    """Return whether all images of each scene have one label, from codes [n] of both.

    >>> belong_to_scenes(np.array([5, 5, 7]), np.array([0, 0, 1]))
    True
    """
    label_of_scene = np.empty(int(scenes.max(initial=0)) + 1, dtype=codes.dtype)
    label_of_scene[scenes] = codes
    return bool((label_of_scene[scenes] == codes).all())


def scenes_that_differ(codes: Ints, scenes: Ints) -> int:
    """Return in how many scenes a label differs that all but belongs to the scene.

    It does where images of one scene agree more than halfway from chance to always, as is so of a
    label of scenes with a few mistakes and not of one that was swept within them.

    Args:
        codes, scenes: [n] codes of labels and scenes, 0..C-1 and 0..S-1.

    Returns:
        0 for labels that belong to scenes, and for those that vary within them.

    >>> scenes_that_differ(np.array([0, 0, 0, 0, 1, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    1
    >>> scenes_that_differ(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    0
    """

    def pairs(part: Ints) -> int:
        counts = np.unique(part, return_counts=True)[1]
        return int((counts * (counts - 1)).sum())

    inside, alike = pairs(scenes), pairs(codes)
    both = pairs(scenes.astype(np.int64) * (int(codes.max(initial=0)) + 1) + codes)
    images = len(codes) * (len(codes) - 1)
    if both == inside or both / inside - alike / images <= (1 - alike / images) / 2:
        return 0
    cells = np.unique(np.stack([scenes, codes]), axis=1)[0]
    return int((np.bincount(cells) > 1).sum())


def _units(codes: Ints, scenes: Ints | None) -> Ints:
    if scenes is None or not belong_to_scenes(codes, scenes):
        return np.arange(len(codes))
    return np.unique(scenes, return_inverse=True)[1]


def compact(codes: Ints) -> Ints:
    """Return codes in the smallest integer type that holds them: permutations fill memory.

    >>> compact(np.array([0, 9])).dtype
    dtype('uint8')
    """
    return codes.astype(np.min_scalar_type(int(codes.max(initial=0))))


def property_values(prop: Property, images: int, name: str) -> NDArray[np.float64]:
    """Return the numbers behind a linear or cyclic property: float64 [N], NaN where there is none.

    Raises:
        InputError: values of wrong length, infinite or not numbers, or a cyclic property whose
            period is not a positive number.
    """
    if prop.kind == "cyclic" and not (prop.period and 0 < prop.period < math.inf):
        raise InputError(f"{name}: period {prop.period}; valid: a positive number, in its unit")
    numbers = prop.labels if prop.values is None else prop.values
    column = _as_column(numbers, images, name)
    try:
        values = column.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name}: kind '{prop.kind}' needs numbers; valid: values=[N] floats beside the labels"
        ) from None
    if np.isinf(values).any():
        raise _infinite(name, "value", int(np.isinf(values).argmax()))
    known = values[~np.isnan(values)]
    if len(known) and np.abs(known).max() > MAX_VALUE:
        raise InputError(f"{name}: value {np.abs(known).max():g}; valid: at most {MAX_VALUE:g}")
    return values


def _infinite(name: str, what: str, row: int) -> InputError:
    return InputError(f"{name}: infinite {what} at row {row}; valid: a number, or NaN for none")


def check_kind(prop: Property, name: str) -> None:
    """Check the kind of a property.

    Raises:
        UnknownNameError: it is none of the three.
    """
    if prop.kind not in get_args(Kind):
        raise UnknownNameError("kind", str(prop.kind), get_args(Kind), where=name)


def _as_column(labels: LabelColumn, images: int, name: str) -> NDArray[np.generic]:
    if isinstance(labels, Sequence) and not isinstance(labels, str):
        column: NDArray[np.generic] = np.empty(len(labels), dtype=object)
        column[:] = [label.item() if hasattr(label, "item") else label for label in labels]
    else:
        column = np.asarray(labels)
    if column.ndim != 1:
        raise InputError(f"{name}: shape {list(column.shape)}; valid: [N], one label per image")
    if len(column) != images:
        raise InputError(f"{name}: {len(column)} labels for {images} images; valid: one per image")
    return column


def _distinct(labels: NDArray[np.generic], name: str) -> tuple[Sequence[object], Ints]:
    """Return the distinct labels of any type, in order of appearance, and the codes of all."""
    if labels.dtype.kind != "O":
        distinct, first, code = np.unique(labels, return_index=True, return_inverse=True)
        order = np.argsort(first)
        return distinct[order].tolist(), np.argsort(order)[code]
    seen: dict[Hashable, int] = {}
    try:
        codes = np.array([seen.setdefault(label, len(seen)) for label in labels.tolist()], np.int64)
    except TypeError:
        raise InputError(f"{name}: a label is a container; valid: integers or text") from None
    return list(seen), codes


def _absent(label: object) -> bool:
    """Return whether a label stands for none: None, NaN, or pandas' own NA and NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, float | np.floating) and math.isnan(label)


def lowest_of_bin(values: NDArray[np.float64], bins: Ints) -> NDArray[np.float64]:
    """Return the lowest value of its bin as the label of each image: it says where the bin is.

    Args:
        values: [N].
        bins: [N] index of the bin of each value; -1 for none.
    """
    known = bins >= 0
    lowest = np.full(bins.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, bins[known], values[known])
    labels = np.full(len(bins), np.nan)
    labels[known] = lowest[bins[known]]
    return labels
