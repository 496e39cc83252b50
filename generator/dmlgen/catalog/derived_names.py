"""Names of derived models: `derived:fordFocus-017`."""

from __future__ import annotations

import re
from typing import NamedTuple

from dmldata.common.errors import InputError

PREFIX = "derived:"
MOST = 999
_RANGE = re.compile(r"(?P<stem>derived:.*)-(?P<first>\d{3})\.\.(?P<last>\d{3})")
_NAME = re.compile(r"derived:(?P<base>[A-Za-z0-9][A-Za-z0-9_-]*)-(?P<number>\d{3})")


class Derived(NamedTuple):
    """What a name says."""

    base: str
    number: int


def parse_derived(name: str) -> Derived | None:
    """Base and number of a derived model, None for any other car.

    >>> parse_derived("derived:fordFocus-017"), parse_derived("suv")
    (Derived(base='fordFocus', number=17), None)

    Raises:
        InputError: `derived:`, but not the name of a model.
    """
    if not name.startswith(PREFIX):
        return None
    found = _NAME.fullmatch(name)
    if found is None or not int(found["number"]):
        raise InputError(f"car '{name}': has to be like derived:fordFocus-017, from 001 to {MOST}")
    return Derived(found["base"], int(found["number"]))


def expand(name: str) -> list[str]:
    """The models of a range, or the name itself.

    >>> expand("derived:suv-009..011"), expand("suv")
    (['derived:suv-009', 'derived:suv-010', 'derived:suv-011'], ['suv'])
    """
    found = _RANGE.fullmatch(name)
    if found is None:
        return [name]
    first, last = int(found["first"]), int(found["last"])
    if first > last:
        raise InputError(f"cars '{name}': the first number is above the last")
    return [f"{found['stem']}-{number:03}" for number in range(first, last + 1)]
