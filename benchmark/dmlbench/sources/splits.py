"""The splits of metric learning: the classes a model was trained on, and the unseen classes."""

from __future__ import annotations

from dmldata.common.errors import InputError, UnknownNameError

SPLITS = ("train", "test", "all")


def check_split(split: str) -> None:
    """Raise UnknownNameError for a split that is not in SPLITS."""
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)


def in_split(number: int, classes: int, split: str) -> bool:
    """Return whether a class (counted from 1) is in a split; 'test' is the second half of them.

    Source: Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding" (CVPR 2016),
    section 5: the first 100 classes of CUB-200-2011 and the first 98 of Cars196 train.

    >>> [number for number in range(1, 6) if in_split(number, 5, "test")]
    [3, 4, 5]
    """
    return split == "all" or (number > classes // 2) == (split == "test")


def class_number(text: object, classes: int, place: str) -> int:
    """Parse a class number, 1 to `classes`.

    Args:
        place: where the number is written, for messages.

    Raises:
        InputError: the text is not such a number.
    """
    try:
        number = int(str(text))
    except ValueError:
        number = 0
    if not 1 <= number <= classes:
        raise InputError(f"{place}: class {str(text)[:40]!r}; valid: 1 to {classes}")
    return number
