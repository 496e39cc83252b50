"""Read a folder of images with a file of their labels."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dmlbench.sources.csv_table import read_csv, tidy_numbers
from dmlbench.sources.folder import count_images, find_images, first_other_image
from dmlbench.sources.listing import Listing
from dmldata.common.errors import InputError

LABEL_FILES = (
    "labels.csv",
    "metadata.csv",
    "labels.tsv",
    "metadata.jsonl",
    "labels.parquet",
    "metadata.parquet",
)
FILE_COLUMNS = ("file", "file_name")
"""Names of the column of image files; `file_name` is the name that Hugging Face's `imagefolder`
uses (`metadata.csv` or `metadata.jsonl` beside the images)."""


def find_label_file(folder: Path) -> Path | None:
    """Return the label file in a folder, or None.

    Raises:
        InputError: the folder holds several label files.
    """
    files = [folder / name for name in LABEL_FILES if (folder / name).is_file()]
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise InputError(f"{folder}: holds {names}; choose one with --labels")
    return files[0] if files else None


def read_csv_folder(folder: Path, labels: Path, names_of_kinds: Collection[str] = ()) -> Listing:
    """Read the images that a label file names, in its order; its other columns are properties.

    Paths are relative to the folder. An empty cell is an image without a label. Images in the
    folder that the file does not name are left out, and counted in a note.

    Args:
        names_of_kinds: columns declared as categorical or ignored.

    Raises:
        InputError: the table cannot be read or has no column of image files.
        DatasetError: an image is missing or named twice; the message names the line.
    """
    table = read_csv(labels)
    table = tidy_numbers(table, labels, keep={*FILE_COLUMNS, "key", "scene_id", *names_of_kinds})
    named = [column for column in FILE_COLUMNS if column in table.columns]
    if len(named) != 1:
        raise InputError(
            f"{labels}, line 1: {len(named)} of the columns {' and '.join(FILE_COLUMNS)}; "
            f"valid: one of them; columns: {', '.join(table.columns)}"
        )
    names = ["" if cell is None else str(cell) for cell in table.columns[named[0]]]
    places = [f"{labels}, line {line}" for line in table.lines]
    files, sizes = find_images(folder, names, places)
    left_out = count_images(folder) - len(files.names)
    notes = table.notes
    if left_out > 0:
        example = first_other_image(folder, files.names)
        what = f"{left_out} images in {folder} have no row in {labels.name}"
        notes += (f"{what}: left out ({example}, ...)",)
    return Listing(
        name=folder.resolve().name,
        keys=list(files.names),
        sizes=sizes,
        labels={name: list(cells) for name, cells in table.columns.items() if name != named[0]},
        files=files,
        notes=notes,
    )
