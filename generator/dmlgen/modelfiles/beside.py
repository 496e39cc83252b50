"""Find the files that a model refers to: only those in or below its folder are ever read."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

from PIL import Image

MAX_PIXELS = 8192 * 8192
"""Maximum number of pixels in one image of a model."""


def find_beside(folder: Path, reference: str) -> Path | None:
    """Return the file in a model's folder that a reference means, or None.

    Models keep the paths of the machine that they were made on: absolute ones, with drive letters
    and backslashes, or in capitals. The longest end of the path that exists below the folder
    counts; links that lead out of the folder do not.

    Args:
        folder: the folder of the model.
        reference: the path as the model spells it.
    """
    home = folder.resolve()
    names = [n for n in re.split(r"[\\/]+", reference) if n not in ("", ".", "..")]
    # An absolute path within the folder names the same file by its end.
    for first in range(len(names)):
        path: Path | None = home
        for name in names[first:]:
            path = None if path is None else _entry(path, name)
        if path is not None and path.is_file() and path.resolve().is_relative_to(home):
            return path
    return None


def problem_of_image(image: Path | bytes) -> str:
    """Return why an image must not be decoded, or an empty text; only its header is read.

    Args:
        image: a file, or its content.
    """
    try:
        with warnings.catch_warnings():
            # The size that Pillow warns about is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
                width, height = opened.size
    except Image.DecompressionBombError:
        return f"more than {MAX_PIXELS:,} pixels"
    except Exception:  # Pillow's readers raise arbitrary exceptions for damaged headers.
        return "not an image that can be read"
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels, more than {MAX_PIXELS:,}"
    return ""


def _entry(folder: Path, name: str) -> Path | None:
    """Return the entry of a folder with this name, in other case if there is exactly one."""
    try:
        if (folder / name).exists():
            return folder / name
        alike = [path for path in folder.iterdir() if path.name.casefold() == name.casefold()]
    except (OSError, ValueError):
        return None
    return alike[0] if len(alike) == 1 else None
