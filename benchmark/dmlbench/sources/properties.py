"""Describe the properties of images; their kinds are declared in a file or inferred from values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmlbench.sources.property_file import PropertySpec
from dmldata.common.errors import DatasetError

Cell = str | int | float | bool | None
"""A label as spelled in a file; None if the image has no label."""

MAX_VALUES = 20
"""Maximum number of different numbers that are used as labels directly; more are put into bins."""

BINS = 10

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[nN][aA][nN]")
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")


@dataclass(frozen=True)
class ImageProperty:
    """One property of N images.

    Attributes:
        key: name of the property.
        kind: "categorical", "linear" or "cyclic".
        unit: unit of the values; empty if there is none.
        period: period of a cyclic property in its unit, else None.
        values: [N]; for linear and cyclic properties float64 with NaN for no value (cyclic values
            lie in 0..period), for categorical ones object (str or None).
        labels: int32 [N], index of the value or of its bin; -1 for no value.
        binned: number of bins the values were put into; None if each value is a label.
        inferred: whether the kind was inferred, not declared in a file.
    """

    key: str
    kind: Literal["categorical", "linear", "cyclic"]
    unit: str
    period: float | None
    values: NDArray[np.float64] | NDArray[np.object_]
    labels: NDArray[np.int32]
    binned: int | None
    inferred: bool

    @property
    def is_numeric(self) -> bool:
        """Whether the property is linear or cyclic."""
        return self.kind != "categorical"

    def __str__(self) -> str:
        """Return one line for people.

        >>> print(describe("year", ["1999", "2001", "1999", "2001", ""], PropertySpec(), "cars"))
        year: categorical, 2 values
        """
        text = f"{self.key}: {self.kind}, {int(self.labels.max(initial=-1)) + 1} "
        return text + ("values" if self.binned is None else "bins of equally many images")


def describe(
    key: str, cells: Sequence[Cell], spec: PropertySpec, where: str
) -> ImageProperty | None:
    """Describe a property from the labels of N images; return None if its kind is 'ignore'.

    If the kind is not declared, text and booleans are categorical, as are whole numbers that occur
    twice or more on average; other numbers are linear. Numbers with more than MAX_VALUES different
    values are put into BINS bins of equally many images. Empty text and NaN mean no label.

    Args:
        cells: [N] labels as spelled in the file.
        spec: what the property file says about the property.
        where: the source, for messages.

    Raises:
        DatasetError: a label is infinite or not Unicode, or is not a number although the property
            is linear or cyclic.
    """
    if spec.kind == "ignore":
        return None
    place = f"{where}: property '{key}'"
    present = [
        _present(cell, f"{place}: label of image {row}") for row, cell in enumerate(cells, 1)
    ]
    kind = spec.kind or ("linear" if spec.bins else _kind(present))
    if kind == "categorical":
        texts = _texts(present, place)
        if all(text is None or _WHOLE.fullmatch(text) for text in texts):
            # Software writes 37 as 37.0 where another cell of the column is empty.
            texts = np.array([text and text.partition(".")[0] for text in texts], object)
        return ImageProperty(
            key, kind, spec.unit, None, texts, _codes(texts), None, spec.kind is None
        )
    numbers = _numbers(present, place)
    if spec.period is not None:
        numbers = np.mod(numbers, spec.period)
        numbers[numbers == spec.period] = 0.0  # -1e-17 modulo 360 is 360
    labels, binned = _binned(numbers, spec.bins)
    return ImageProperty(
        key, kind, spec.unit, spec.period, numbers, labels, binned, spec.kind is None
    )


def minus_one_notes(properties: Iterable[ImageProperty]) -> Iterator[str]:
    """Yield what -1 is taken for in each property where it may stand for no label.

    Other software writes -1 for none. Where there are other negative numbers, it is one of them.

    >>> list(minus_one_notes([describe("color", ["-1", "a", "a", ""], PropertySpec(), "x.csv")]))
    ["property 'color': -1 is taken for a label (1 image); an empty cell means none"]
    """
    for image_property in properties:
        numbers = [_number(value) for value in image_property.values.tolist()]
        count = numbers.count(-1.0)
        if count and min(number for number in numbers if number is not None) == -1:
            images = "1 image" if count == 1 else f"{count} images"
            what = "the number -1" if image_property.is_numeric else "a label"
            yield (
                f"property '{image_property.key}': -1 is taken for {what} ({images}); an empty "
                "cell means none"
            )


def _number(value: str | float | None) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if value is None or math.isnan(value) else value


def _present(cell: Cell, place: str) -> Cell:
    if isinstance(cell, float) and math.isinf(cell):
        raise DatasetError(f"{place} is infinite; valid: a number, or null for none")
    missing = cell == "" or (isinstance(cell, float) and math.isnan(cell))
    return None if missing else cell


def _kind(cells: Sequence[Cell]) -> Literal["categorical", "linear"]:
    """Infer the kind of a property from its labels.

    >>> _kind([3, 3, 5, 5]), _kind(["0.5", "1"]), _kind(["a", "1"]), _kind([1, 2, None])
    ('categorical', 'linear', 'categorical', 'linear')
    """
    texts = [text for cell in cells if (text := _text(cell)) is not None]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        return "categorical"
    if all(_WHOLE.fullmatch(text) for text in texts):
        distinct = {text.partition(".")[0] for text in texts}
        return "categorical" if 2 * len(distinct) <= len(texts) else "linear"
    return "linear"


def _text(cell: Cell) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return str(cell).lower() if isinstance(cell, bool) else repr(cell)


def _texts(cells: Sequence[Cell], place: str) -> NDArray[np.object_]:
    texts = np.array([_text(cell) for cell in cells], object)
    for row, text in enumerate(texts.tolist()):
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise DatasetError(f"{place}: label of image {row + 1} is not Unicode text") from None
    return texts


def _numbers(cells: Sequence[Cell], place: str) -> NDArray[np.float64]:
    numbers = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        text = _text(cell)
        if text is None:
            continue
        if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
            raise DatasetError(f"{place}: label of image {row + 1}: {text[:60]!r}; valid: a number")
        numbers[row] = float(text)
    return numbers


def _codes(texts: NDArray[np.object_]) -> NDArray[np.int32]:
    seen: dict[str | None, int] = {None: -1}
    return np.array([seen.setdefault(text, len(seen) - 1) for text in texts.tolist()], np.int32)


def _binned(numbers: NDArray[np.float64], bins: int | None) -> tuple[NDArray[np.int32], int | None]:
    """Return the labels of numbers, and the number of bins if they were put into bins.

    >>> _binned(np.array([5.0, np.nan, 1.0, 5.0]), None)[0].tolist()
    [1, -1, 0, 1]
    >>> _binned(np.arange(100.0), None)[0].tolist()[::25]
    [0, 2, 5, 7]
    """
    known = ~np.isnan(numbers)
    distinct = np.unique(numbers[known])
    labels = np.full(len(numbers), -1, np.int32)
    if len(distinct) <= (bins or MAX_VALUES):
        labels[known] = np.searchsorted(distinct, numbers[known])
        return labels, None
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, (bins or BINS) + 1)[1:-1]))
    bin_of_value = np.searchsorted(edges, numbers[known], side="right")
    labels[known] = np.unique(bin_of_value, return_inverse=True)[1]
    return labels, int(labels.max()) + 1
