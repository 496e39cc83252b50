"""Read labels from a table: one row per image, in the embeddings' order; properties in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.labels import Property, lowest_of_bin
from dmlbench.sources.csv_table import read_csv, tidy_numbers
from dmlbench.sources.properties import Cell, ImageProperty, describe, minus_one_notes
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
    rows = [f"{path}, line {line}" for line in table.lines]
    return label_table(table.columns, len(table.lines), specs, str(path), table.notes, rows)


def label_table(
    columns: Mapping[str, Sequence[Cell]],
    images: int,
    specs: Mapping[str, PropertySpec],
    where: str,
    notes: Sequence[str] = (),
    rows: Sequence[str] = (),
) -> LabelTable:
    """Return columns of labels, one cell per image each, as properties; see `read_label_table`.

    Args:
        images: number of rows.
        where: the source, for messages.
        notes: how it was read.
        rows: the place of each image, for messages; by default its number.

    Raises:
        InputError: there is no property, a spec is of none, or an image has no scene.
        DatasetError: a label does not fit its property's kind.
    """
    scenes = columns.get(SCENES)
    for number, scene in enumerate(scenes or ()):
        if scene in ("", None) or scene != scene:
            row = rows[number] if rows else f"{where}: row {number + 1}"
            raise InputError(f"{row}: no {SCENES}; valid: a scene for each image")
    columns = {name: columns[name] for name in columns if name not in (*IGNORED, SCENES)}
    for name in specs:
        if name not in columns:
            raise UnknownNameError("property", name, columns, where)
    described = [
        image_property
        for name, cells in columns.items()
        if (image_property := describe(name, cells, specs.get(name, PropertySpec()), where))
    ]
    properties = {image_property.key: as_property(image_property) for image_property in described}
    if not properties:
        raise InputError(f"{where}: no property; valid: one column per property")
    inferred = "; ".join(
        str(image_property) for image_property in described if image_property.inferred
    )
    guesses = (f"kinds inferred from the values ({inferred})",) if inferred else ()
    return LabelTable(
        images,
        properties,
        None if scenes is None else np.array([str(cell) for cell in scenes]),
        (*notes, *guesses, *minus_one_notes(described)),
    )


def as_property(image_property: ImageProperty) -> Property:
    """Convert a property to the form that is scored: a number's label is its bin's lowest value."""
    if image_property.is_numeric:
        labels = lowest_of_bin(np.asarray(image_property.values, np.float64), image_property.labels)
        return Property(labels, image_property.kind, image_property.values, image_property.period)
    return Property(image_property.values, image_property.kind)
