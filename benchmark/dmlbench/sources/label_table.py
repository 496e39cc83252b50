"""Read labels from a table: one row per image, in the embeddings' order; properties in columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.labels import Property, lowest_of_bin
from dmlbench.sources.csv_table import read_csv, tidy_numbers
from dmlbench.sources.properties import ImageProperty, describe, minus_one_notes
from dmlbench.sources.property_file import PropertySpec
from dmldata.common.errors import InputError, UnknownNameError

SCENES = "scene_id"
IGNORED = ("key",)


@dataclass(frozen=True)
class LabelTable:
    """The content of a label file.

    Attributes:
        images: number of rows.
        properties: properties by column name.
        scenes: [N] text from the column `scene_id`; None without that column.
        notes: how the file was read and what was inferred, for readers of the scores.
    """

    images: int
    properties: dict[str, Property]
    scenes: NDArray[np.str_] | None
    notes: tuple[str, ...] = ()


def read_labels(path: str | Path) -> dict[str, Property]:
    """Return the properties of a label file; see `read_label_table`."""
    return read_label_table(path).properties


def read_label_table(
    path: str | Path, specs: Mapping[str, PropertySpec] | None = None
) -> LabelTable:
    """Read a table (`csv_table.read_csv`) whose columns are properties.

    The kind of a property is given by `specs`, or inferred as for images
    (`sources.properties.describe`). An empty cell is an image without a label. The column
    `scene_id` holds the scene of each image; the column `key` is ignored.

    Args:
        specs: what is known about properties, by name.

    Raises:
        InputError: the file cannot be read, or is not such a table; the message names the line.
        DatasetError: a label does not fit its property's kind.
    """
    path, specs = Path(path), specs or {}
    not_numeric = {name for name, spec in specs.items() if spec.kind in ("categorical", "ignore")}
    table = tidy_numbers(read_csv(path), path, keep={*IGNORED, SCENES, *not_numeric})
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
        image_property
        for name, cells in columns.items()
        if (image_property := describe(name, cells, specs.get(name, PropertySpec()), str(path)))
    ]
    properties = {image_property.key: as_property(image_property) for image_property in described}
    if not properties:
        raise InputError(f"{path}, line 1: no property; valid: one column per property")
    inferred = "; ".join(
        str(image_property) for image_property in described if image_property.inferred
    )
    notes = (f"kinds inferred from the values ({inferred})",) if inferred else ()
    return LabelTable(
        len(table.lines),
        properties,
        None if scenes is None else np.array([str(cell) for cell in scenes]),
        (*table.notes, *notes, *minus_one_notes(described)),
    )


def as_property(image_property: ImageProperty) -> Property:
    """Convert a property to the form that is scored: a number's label is its bin's lowest value."""
    if image_property.is_numeric:
        labels = lowest_of_bin(np.asarray(image_property.values, np.float64), image_property.labels)
        return Property(labels, image_property.kind, image_property.values, image_property.period)
    return Property(image_property.values, image_property.kind)
