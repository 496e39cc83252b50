"""Contact sheet of a dataset: pictures in rows, with the varied values written below them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from dmldata.common.errors import FieldError
from dmldata.common.files import write_atomic
from dmldata.contract.samples import Row
from dmldata.dataset import Dataset, open_dataset

GAP = 6
LINE = 15
INK = (40, 40, 44)
PAPER = (255, 255, 255)
MAX_PIXELS = 100_000_000
"""Maximum number of pixels of a sheet."""


@dataclass(frozen=True)
class _Row:
    title: str
    keys: tuple[str, ...]


def contact_sheet(
    url: str | os.PathLike[str],
    out: Path,
    *,
    factor: str | None = None,
    rows: int = 6,
    columns: int = 8,
    cell: int = 192,
    captions: bool = True,
) -> None:
    """Write a contact sheet of the dataset at `url`, or in that folder, to the PNG file `out`.

    In a sweep, a row is a base scene and its pictures are the variants. Otherwise pictures are in
    the order of the dataset. With `factor` there is one picture for each of its values, then a
    second one for each, and so on, in as many rows as that takes.

    Args:
        factor: factor that orders the pictures of a row; in a sweep, the default is the first
            varied factor of the swept group.
        rows, columns: maximum number of rows, and of pictures per row; each at least 1.
        cell: width of a picture in pixels, at least 16.
        captions: write the values of the varied factors below the pictures.

    Raises:
        InputError: there is no dataset, the factor is unknown, a number is out of range,
            or the sheet would have more than MAX_PIXELS.
    """
    for field, number, minimum in (("rows", rows, 1), ("columns", columns, 1), ("cell", cell, 16)):
        if number < minimum:
            raise FieldError({field: number}, f"has to be {minimum} or above")
    if out.suffix.lower() != ".png":
        raise FieldError({"out": out}, "has to end in .png")
    dataset = open_dataset(url)
    captioned = _captioned(dataset, factor)
    laid_out = _lay_out(dataset, captioned, in_order=factor is None, rows=rows, columns=columns)
    laid_out = [row for row in laid_out if row.keys]
    shown = captioned if captions else []
    layout = _measure(laid_out, shown, cell, dataset.manifest.image_size)
    if layout.width * layout.height > MAX_PIXELS:
        raise FieldError(
            {"rows": rows, "columns": columns, "cell": cell},
            f"a sheet of {layout.width} x {layout.height} pixels; valid: at most "
            f"{MAX_PIXELS // 10**6} million pixels",
        )
    shown_keys = {key for row in laid_out for key in row.keys}
    pictures = {
        item.key: (_small(item.image, layout), item.row)
        for item in dataset.samples_iter(keys=shown_keys, with_mask=False)
    }
    sheet = _draw(laid_out, pictures, shown, layout)
    png = io.BytesIO()
    sheet.save(png, "PNG", optimize=True)
    write_atomic(out, png.getvalue())


def _captioned(dataset: Dataset, factor: str | None) -> list[str]:
    """Return the factors whose values are written below the pictures; the first orders a row."""
    manifest = dataset.manifest
    if factor is not None:
        return [manifest.factor(factor).key]
    if manifest.sweep_group is not None:
        return [f.key for f in manifest.factors if f.group == manifest.sweep_group and f.varies]
    return [key for key in ("car_model", "car_rotation", "sun_elevation") if key in manifest.varied]


def _lay_out(
    dataset: Dataset, captioned: Sequence[str], *, in_order: bool, rows: int, columns: int
) -> list[_Row]:
    samples = dataset.samples.to_pylist()
    if dataset.manifest.design == "sweep":
        scenes: dict[int, list[Row]] = {}
        for sample in sorted(samples, key=lambda s: (s["scene_id"], *_bins(s, captioned))):
            scenes.setdefault(sample["scene_id"], []).append(sample)
        return [
            _row(f"scene {scene}", variants[:columns])
            for scene, variants in list(scenes.items())[:rows]
        ]
    if in_order:
        return [_row("", samples[i : i + columns]) for i in range(0, len(samples), columns)][:rows]
    key = captioned[0]
    by_bin: dict[int, list[Row]] = {}
    for sample in samples:
        if sample[f"{key}_bin"] is not None:
            by_bin.setdefault(sample[f"{key}_bin"], []).append(sample)
    if not by_bin:
        raise FieldError({"factor": key}, "no image has a value of it, as it means nothing there")
    lists = [by_bin[b] for b in sorted(by_bin)]
    laid_out: list[_Row] = []
    for place in range(max(map(len, lists))):
        one_per_bin = [in_bin[place] for in_bin in lists if place < len(in_bin)]
        laid_out += [
            _row("", one_per_bin[i : i + columns]) for i in range(0, len(one_per_bin), columns)
        ]
    return laid_out[:rows]


def _bins(sample: Row, keys: Sequence[str]) -> list[int]:
    return [-1 if sample[f"{key}_bin"] is None else sample[f"{key}_bin"] for key in keys]


def _row(title: str, samples: Sequence[Row]) -> _Row:
    return _Row(title, tuple(sample["key"] for sample in samples))


class _Layout(NamedTuple):
    """Sizes in pixels of a picture, of the title above it, of a row and of the sheet."""

    cell: tuple[int, int]
    title: int
    row: int
    width: int
    height: int


def _measure(
    rows: Sequence[_Row], captioned: Sequence[str], cell: int, image_size: tuple[int, int]
) -> _Layout:
    caption_height = LINE * len(captioned) + 4 if captioned else 0
    title_height = LINE + 4 if any(row.title for row in rows) else 0
    width_px, height_px = image_size
    cell_height = max(1, round(cell * height_px / width_px))
    row = cell_height + caption_height + title_height + GAP
    width = GAP + max(len(row.keys) for row in rows) * (cell + GAP)
    return _Layout((cell, cell_height), title_height, row, width, GAP + row * len(rows))


def _small(image: Image.Image, layout: _Layout) -> Image.Image:
    return image.resize(layout.cell, Image.Resampling.LANCZOS)


def _draw(
    rows: Sequence[_Row],
    pictures: dict[str, tuple[Image.Image, Row]],
    captioned: Sequence[str],
    layout: _Layout,
) -> Image.Image:
    sheet = Image.new("RGB", (layout.width, layout.height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for r, row in enumerate(rows):
        top = GAP + r * layout.row
        draw.text((GAP, top), row.title, INK, font)
        for c, key in enumerate(row.keys):
            left, picture_top = GAP + c * (layout.cell[0] + GAP), top + layout.title
            picture, values = pictures[key]
            sheet.paste(picture, (left, picture_top))
            for line, factor in enumerate(captioned):
                text = f"{factor} {_shown(values[factor])}"
                below = picture_top + layout.cell[1] + 2 + line * LINE
                draw.text((left, below), text, INK, font)
    return sheet


def _shown(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else value
