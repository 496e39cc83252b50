"""How numbers are written in tables, figures and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dmlbench.comparison.rank_tests import LEVEL
from dmlbench.scores.jackknife import Interval

NONE = "-"
NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")
"""The hyphen before a number below zero."""
SMALLEST_P = 0.001
"""Smallest p-value that is written as a number."""


def number(value: float | None, digits: int) -> str:
    """Format a number; '-' if there is none.

    >>> number(1.005, 1), number(-0.0001, 2), number(None, 2)
    ('1.0', '0.00', '-')
    """
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def interval(pair: Interval | None, digits: int) -> str:
    """Format an interval; '-' if there is none.

    >>> interval((0.5, 1.25), 1)
    '0.5 to 1.2'
    """
    return f"{number(pair[0], digits)} to {number(pair[1], digits)}" if pair else NONE


def extent(values: Iterable[float | None]) -> Interval | None:
    """Return the smallest and the largest of the known values.

    >>> extent([0.5, None, 0.25])
    (0.25, 0.5)
    """
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def telling_digits(values: Iterable[float | None], digits: int) -> int:
    """Return the digits after the point, at least so many, at which no value but 0 reads 0.

    >>> telling_digits([0.004, 1.2, 0.0], 2), telling_digits([0.5, None], 2)
    (3, 2)
    """
    sizes = [abs(value) for value in values if value]
    while sizes and round(min(sizes), digits) == 0 and digits < 6:
        digits += 1
    return digits


def range_text(values: Iterable[float | None], digits: int = 2) -> str:
    """Format the smallest and the largest of the known values for a sentence.

    >>> range_text([0.5, None, 0.25]), range_text([None])
    ('0.25 to 0.50', '- (not known)')
    """
    ends = extent(values)
    return interval(ends, digits) if ends else f"{NONE} (not known)"


def p_value(p: float | None) -> str:
    """Format a p-value, with as many digits as tell on which side of 0.05 it lies.

    >>> p_value(0.0004), p_value(0.0109), p_value(0.0496), p_value(None)
    ('<0.001', '0.011', '0.0496', '-')
    """
    if p is not None and p < SMALLEST_P:
        return f"<{SMALLEST_P}"
    digits = 3
    while p is not None and p != LEVEL and round(p, digits) == LEVEL and digits < 6:
        digits += 1
    return number(p, digits)


def minus(text: str) -> str:
    """Replace the hyphen before numbers below zero by a minus sign.

    >>> minus("NR-Precision -0.5 to 2026-01-02")
    'NR-Precision −0.5 to 2026-01-02'
    """
    return NEGATIVE.sub("\N{MINUS SIGN}", text)


def joined(names: Iterable[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)
