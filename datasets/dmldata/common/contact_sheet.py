"""Contact sheets: pictures in rows on one image."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image


def grid(pictures: Sequence[Image.Image], columns: int, cell: tuple[int, int]) -> Image.Image:
    """Return an RGB sheet of the pictures, in rows from the top left, each resized to `cell`.

    Args:
        columns: number of pictures per row.
        cell: width and height in pixels.

    >>> grid([Image.new("L", (8, 4), 255)] * 3, 2, (4, 2)).size
    (8, 4)
    """
    sheet = Image.new("RGB", (columns * cell[0], -(-len(pictures) // columns) * cell[1]))
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        if picture.size != cell:
            picture = picture.resize(cell, Image.Resampling.LANCZOS)
        sheet.paste(picture, (column * cell[0], row * cell[1]))
    return sheet


def jpeg_sheet(pictures: Sequence[Image.Image], columns: int, width: int) -> bytes:
    """Return a sheet of pictures of one size as a JPEG, each `width` pixels wide.

    >>> Image.open(io.BytesIO(jpeg_sheet([Image.new("RGB", (80, 40))] * 3, 8, 20))).size
    (60, 10)
    """
    across, down = pictures[0].size
    cell = (width, max(1, round(width * down / across)))
    file = io.BytesIO()
    grid(pictures, min(columns, len(pictures)), cell).save(file, "JPEG", quality=88)
    return file.getvalue()
