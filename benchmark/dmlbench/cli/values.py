"""Parse and check values of command line options."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from dmldata.common.errors import InputError, UnknownNameError


def pixels(text: str | None, option: str) -> int | tuple[int, int] | None:
    """Parse an image size in pixels: one number, or (height, width); None stays None.

    Raises:
        InputError: the text is not a size.

    >>> pixels("224", "--input-size"), pixels("224x320", "--input-size")
    (224, (224, 320))
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if match is None:
        raise InputError(f"{option} {text}; valid: 224, or height x width as 224x320")
    height, width = match.groups()
    return int(height) if width is None else (int(height), int(width))


def noisy_copies(text: str, option: str) -> int | Literal["auto"]:
    """Parse a number of noisy copies, from 1 on, or "auto".

    Raises:
        InputError: the text is neither.

    >>> noisy_copies("50", "--samples"), noisy_copies("auto", "--samples")
    (50, 'auto')
    """
    if text == "auto":
        return "auto"
    if re.fullmatch(r"0*[1-9][0-9]{0,8}", text) is None:
        raise InputError(f"{option} {text}; valid: a number from 1 on, or auto")
    return int(text)


def channels(text: str | None, option: str) -> tuple[float, float, float] | None:
    """Parse one number per channel; None stays None.

    Raises:
        InputError: the text is not three numbers.

    >>> channels("0.5,0.5,0.5", "--mean")
    (0.5, 0.5, 0.5)
    """
    if text is None:
        return None
    try:
        first, second, third = map(float, text.split(","))
    except ValueError:
        raise InputError(f"{option} {text}; valid: three numbers, as 0.5,0.5,0.5") from None
    return first, second, third


def check_file(path: Path | None, option: str) -> None:
    """Raise an InputError if a file is to be written where a folder is."""
    if path is not None and path.is_dir():
        raise InputError(f"{option} {path}: is a folder; valid: the name of a file")


def check_folder(path: Path, option: str) -> None:
    """Raise an InputError if a folder is to be written where a file is."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} {path}: is a file; valid: a folder")


def check_output(path: Path, option: str, suffixes: Iterable[str]) -> None:
    """Check the name of a file and that it can be written, before anything is computed.

    Raises:
        UnknownNameError: the suffix is none of `suffixes`.
        InputError: it is a folder, or no file can be written there.
    """
    if path.suffix not in suffixes:
        raise UnknownNameError("suffix", path.suffix, suffixes, where=f"{option} {path}")
    check_file(path, option)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{option} {path}: cannot be written: {folder}: {error.strerror}; valid: a file in a "
            "folder that you may write to"
        ) from None
