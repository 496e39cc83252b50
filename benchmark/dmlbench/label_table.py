"""Labels from a CSV file: a row an image, in the order of the embeddings; a column a property."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.csv_table import read_csv
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
    table = read_csv(path)
    columns = dict(table.columns)
    scenes = columns.pop(SCENES, None)
    if scenes is not None and "" in scenes:
        line = table.lines[scenes.index("")]
        raise InputError(f"{path}, line {line}: no {SCENES}; valid: a scene for each image")
    properties = {
        name: Property(_labels(cells)) for name, cells in columns.items() if name not in IGNORED
    }
    if not properties:
        raise InputError(f"{path}, line 1: no property; valid: a column for each property")
    return LabelTable(len(table.lines), properties, None if scenes is None else np.array(scenes))


def _labels(cells: list[str]) -> NDArray[Any]:
    present = [cell for cell in cells if cell]
    whole = all(_WHOLE.fullmatch(cell) for cell in present)
    labels = np.empty(len(cells), dtype=object)
    labels[:] = [None if not cell else int(cell) if whole else cell for cell in cells]
    return labels
