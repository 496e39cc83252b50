"""A folder with a page to look through a dataset: it opens from disk and asks nothing of a server.

Small pictures come in sheets, which the page loads as they scroll into view; a large picture and
its mask are files of their own, loaded when they are opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmldata.common.console import Report
from dmldata.common.errors import InputError
from dmldata.common.files import atomic_folder
from dmldata.contract.grid import grid
from dmldata.contract.parts import Part
from dmldata.dataset import Dataset, open_dataset

COLUMNS = 8
"""Pictures in a row of a sheet, which has as many rows."""
QUALITY = 80
COLOURS = {
    Part.PAINT: (230, 159, 0),
    Part.GLASS: (86, 180, 233),
    Part.WHEEL: (0, 114, 178),
    Part.LIGHT: (240, 228, 66),
    Part.OTHER: (204, 121, 167),
}
"""Of the parts of a mask. Source: Okabe and Ito, colours that survive colour blindness."""


class Cell(NamedTuple):
    """Size of a small picture in pixels."""

    width: int
    height: int


def build_gallery(
    folder: Path, out: Path, *, width: int = 128, progress: Report | None = None
) -> None:
    """Writes the page and its pictures into the new folder `out`.

    Args:
        width: of a small picture, in pixels.
        progress: called as ('gallery', images done, images in all).

    Raises:
        InputError: not a dataset, a width out of range, or `out` holds something.
    """
    if not 32 <= width <= 512:
        raise InputError(f"--width {width}: has to be from 32 to 512")
    dataset = open_dataset(str(folder))
    image_width, image_height = dataset.manifest.image_size
    cell = Cell(width, max(1, round(width * image_height / image_width)))
    with atomic_folder(out) as part:
        for name in ("sheets", "images", "masks"):
            (part / name).mkdir()
        _write_pictures(dataset, part, cell, progress)
        (part / "index.html").write_text(page(dataset, cell), "utf-8")


def _write_pictures(dataset: Dataset, out: Path, cell: Cell, progress: Report | None) -> None:
    """Sheets of small pictures in the order of the rows; every picture and every mask."""
    small: list[Image.Image] = []
    sheets = 0
    for done, item in enumerate(dataset.samples_iter(), start=1):
        item.image.save(out / "images" / f"{item.key}.webp", quality=QUALITY)
        assert item.mask is not None
        coloured(item.mask).save(out / "masks" / f"{item.key}.webp", lossless=True)
        small.append(item.image)
        if len(small) == COLUMNS**2 or done == len(dataset):
            sheet = grid(small, COLUMNS, cell)
            sheet.save(out / "sheets" / f"{sheets:05d}.webp", quality=QUALITY)
            sheets, small = sheets + 1, []
        if progress:
            progress("gallery", done, len(dataset))


def coloured(mask: NDArray[np.uint8]) -> Image.Image:
    """A mask as colours to lay over its picture; the background is transparent."""
    colours = np.zeros((len(Part), 4), np.uint8)
    for part, colour in COLOURS.items():
        colours[part] = (*colour, 255)
    return Image.fromarray(colours[mask], "RGBA")


def page(dataset: Dataset, cell: Cell) -> str:
    """The page: style, script and the values of all images in one file."""
    files = resources.files("dmlgen.gallery")
    content = json.dumps(_content(dataset, cell), ensure_ascii=False, separators=(",", ":"))
    text = (files / "page.html").read_text("utf-8")
    for place, what in (
        ("/*style*/", (files / "page.css").read_text("utf-8")),
        ("/*script*/", (files / "page.js").read_text("utf-8")),
        # A text in it could close the element that holds it.
        ("/*content*/", content.replace("<", "\\u003c")),
    ):
        text = text.replace(place, what)
    return text


def _content(dataset: Dataset, cell: Cell) -> dict[str, Any]:
    manifest, samples = dataset.manifest, dataset.samples
    varied = [factor for factor in manifest.factors if factor.varies]
    return {
        "name": manifest.name,
        "version": manifest.version,
        "license": manifest.license,
        "description": manifest.description,
        "sweep": manifest.sweep_group,
        "size": manifest.image_size,
        "cell": cell,
        "columns": COLUMNS,
        "keys": samples["key"].to_pylist(),
        "split": samples["split"].to_pylist(),
        "scene": samples["scene_id"].to_pylist(),
        "credit": samples["credits_id"].to_pylist(),
        "credits": {
            one.id: f"{one.title}, {one.author}, {one.license}" for one in manifest.credits
        },
        "factors": [factor.model_dump(mode="json") for factor in varied],
        "constants": list(_constants(dataset)),
        "bins": {factor.key: samples[f"{factor.key}_bin"].to_pylist() for factor in varied},
        "parts": {
            part.name.lower(): "rgb({}, {}, {})".format(*colour) for part, colour in COLOURS.items()
        },
    }


def _constants(dataset: Dataset) -> Iterator[tuple[str, str]]:
    for factor in dataset.manifest.factors:
        if not factor.varies:
            value = factor.values[0]
            unit = f" {factor.unit}" if factor.unit else ""
            yield factor.key, f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"
