"""Labels from a table: a row per image, in the order of the embeddings; a column per property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.labels import Property, lowest_of_bin
from dmlbench.sources.csv_table import read_csv, tidy_numbers
from dmlbench.sources.properties import ImageProperty, describe
from dmlbench.sources.property_file import PropertySpec
from dmldata.common.errors import InputError, UnknownNameError

SCENES = "scene_id"
IGNORED = ("key",)


@dataclass(frozen=True)
class LabelTable:
    """What a label file holds.

    Attributes:
        images: number of rows.
        properties: by column name.
        scenes: [N] text from the column `scene_id`; None without one.
        notes: how the file was read and what was inferred, for a reader of the scores.
    """

    images: int
    properties: dict[str, Property]
    scenes: NDArray[Any] | None
    notes: tuple[str, ...] = ()


def read_labels(path: str | Path) -> dict[str, Property]:
    """The properties of a label file; see `read_label_table`."""
    return read_label_table(path).properties


def read_label_table(
    path: str | Path, specs: Mapping[str, PropertySpec] | None = None
) -> LabelTable:
    """Read a table (`csv_table.read_csv`) whose columns are properties.

    Their kinds are inferred as those of images are (`sources.properties.describe`), or told. An
    empty cell is an image without a label. The column `scene_id` holds the scene of each image; the
    column `key` is ignored.

    Args:
        specs: what is known of properties, by name.

    Raises:
        InputError: the file cannot be read, or is not such a table; the message names the line.
        DatasetError: a label that is not of its property's kind.
    """
    path, specs = Path(path), specs or {}
    told = {name for name, spec in specs.items() if spec.kind in ("categorical", "ignore")}
    table = tidy_numbers(read_csv(path), path, keep={*IGNORED, SCENES, *told})
    columns = dict(table.columns)
    scenes = columns.pop(SCENES, None)
    for cell, line in zip(scenes or (), table.lines, strict=False):
        if cell in ("", None):
            raise InputError(f"{path}, line {line}: no {SCENES}; valid: a scene for each image")
    columns = {name: cells for name, cells in columns.items() if name not in IGNORED}
    for name in specs:
        if name not in columns:
            raise UnknownNameError("property", name, columns, str(path))
    described = [
        describe(name, cells, specs.get(name, PropertySpec()), str(path))
        for name, cells in columns.items()
    ]
    properties = {one.key: as_property(one) for one in described if one is not None}
    if not properties:
        raise InputError(f"{path}, line 1: no property; valid: a column for each property")
    inferred = "; ".join(str(one) for one in described if one is not None and one.inferred)
    notes = (f"kinds inferred from the values ({inferred})",) if inferred else ()
    return LabelTable(
        len(table.lines),
        properties,
        None if scenes is None else np.array([str(cell) for cell in scenes]),
        (*table.notes, *notes),
    )


def as_property(found: ImageProperty) -> Property:
    """A described property as what is scored: numbers under the lowest value of their bin."""
    if found.is_numeric:
        labels = lowest_of_bin(found.values, found.labels)
        return Property(labels, found.kind, found.values, found.period)
    return Property(found.values, found.kind)
