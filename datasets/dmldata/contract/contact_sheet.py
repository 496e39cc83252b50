"""Contact sheets: pictures in rows on one image."""

from __future__ import annotations

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
