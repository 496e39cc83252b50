"""Labels from a CSV file: a row an image, in the order of the embeddings; a column a property."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.properties.labels import Property
from dmldata.errors import InputError

SCENES = "scene_id"
IGNORED = ("key",)
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class LabelTable:
    """What a label file holds.

    Attributes:
        images: number of rows.
        properties: by column name.
        scenes: [N] text from the column `scene_id`; None without one.
    """

    images: int
    properties: dict[str, Property]
    scenes: NDArray[Any] | None


def read_labels(path: str | Path) -> dict[str, Property]:
    """The properties of a label file; see `read_label_table`."""
    return read_label_table(path).properties


def read_label_table(path: str | Path) -> LabelTable:
    """Read a CSV file whose header names the properties.

    All properties are categorical: a column of integers gives integer labels, any other column
    text. An empty cell is an image without a label. The column `scene_id` holds the scene of each
    image; the column `key` is ignored.

    Raises:
        InputError: the file cannot be read, or is not such a table; the message names the line.
    """
    path = Path(path)
    header, rows, lines = _read(path)
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    scenes = columns.pop(SCENES, None)
    if scenes is not None and "" in scenes:
        line = lines[scenes.index("")]
        raise InputError(f"{path}, line {line}: no {SCENES}; valid: a scene for each image")
    properties = {
        name: Property(_labels(cells)) for name, cells in columns.items() if name not in IGNORED
    }
    if not properties:
        raise InputError(f"{path}, line 1: no property; valid: a column for each property")
    return LabelTable(len(rows), properties, None if scenes is None else np.array(scenes))


def _read(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, the cells of each row, and the line that each row ends on."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(_lines(csv.reader(file, strict=True), path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; valid: a CSV file of labels") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; valid: a CSV file of labels") from None
    if not table:
        raise InputError(f"{path}: empty; valid: a header that names the properties, then rows")
    (_, header), *rows = table
    for column, name in enumerate(header):
        if not name:
            raise InputError(f"{path}, line 1: column {column + 1} has no name")
        if name in header[:column]:
            raise InputError(f"{path}, line 1: two columns are called '{name}'")
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells; valid: {len(header)}, as in the header"
            )
    if not rows:
        raise InputError(f"{path}: no rows below the header; valid: a row an image")
    return header, [cells for _, cells in rows], [line for line, _ in rows]


def _lines(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row, without blank lines at the end.

    A blank line elsewhere is a row with one empty cell: an image without a label where there is
    a single column, and too few cells where there are more.
    """
    blank: list[int] = []
    try:
        for cells in reader:
            if not cells:
                blank.append(reader.line_num)
                continue
            yield from ((line, [""]) for line in blank)
            blank.clear()
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; valid: CSV") from None


def _labels(cells: list[str]) -> NDArray[Any]:
    present = [cell for cell in cells if cell]
    whole = all(_WHOLE.fullmatch(cell) for cell in present)
    labels = np.empty(len(cells), dtype=object)
    labels[:] = [None if not cell else int(cell) if whole else cell for cell in cells]
    return labels
