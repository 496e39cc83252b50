"""Names of derived models: `derived:fordFocus-017`."""

from __future__ import annotations

import re
from typing import NamedTuple

from dmldata.common.errors import InputError

PREFIX = "derived:"
MAX_NUMBER = 999
"""Largest number of a model that is derived from a car."""
_RANGE = re.compile(r"(?P<stem>derived:.*)-(?P<first>\d{3})\.\.(?P<last>\d{3})")
_NAME = re.compile(r"derived:(?P<base>[A-Za-z0-9][A-Za-z0-9_-]*)-(?P<number>\d{3})")


class Derived(NamedTuple):
    """The parts of a derived model's name."""

    base: str
    number: int


def parse_derived(name: str) -> Derived | None:
    """Return base and number of a derived model, None for any other car.

    >>> parse_derived("derived:fordFocus-017"), parse_derived("suv")
    (Derived(base='fordFocus', number=17), None)

    Raises:
        InputError: `derived:`, but not the name of a model.
    """
    if not name.startswith(PREFIX):
        return None
    match = _NAME.fullmatch(name)
    if match is None or not int(match["number"]):
        raise InputError(
            f"car '{name}': has to be like derived:fordFocus-017, from 001 to {MAX_NUMBER}"
        )
    return Derived(match["base"], int(match["number"]))


def expand(name: str) -> list[str]:
    """Return the names of the models of a range; of any other name, that name alone.

    >>> expand("derived:suv-009..011"), expand("suv")
    (['derived:suv-009', 'derived:suv-010', 'derived:suv-011'], ['suv'])
    """
    match = _RANGE.fullmatch(name)
    if match is None:
        return [name]
    first, last = int(match["first"]), int(match["last"])
    if first > last:
        raise InputError(f"cars '{name}': the first number is above the last")
    return [f"{match['stem']}-{number:03}" for number in range(first, last + 1)]
