"""Words in the names of materials and objects."""

from __future__ import annotations

import re

_LONG = 5
"""Minimum of letters of a word that is also searched for inside other words (`windowglass`)."""


def words(name: str) -> list[str]:
    """Return the words of a name in lower case, split at changes of case, digits and signs.

    >>> words("carPaint_Red.001"), words("RimFL"), words("WHEEL-front")
    (['car', 'paint', 'red'], ['rim', 'fl'], ['wheel', 'front'])
    """
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return [word.lower() for word in parts]


def vocabulary(text: str) -> frozenset[str]:
    """Return the words of a text, each also with the ending of a plural."""
    return frozenset(word + ending for word in text.split() for ending in ("", "s"))


def says(name: list[str] | set[str], meant: frozenset[str]) -> bool:
    """Return whether a word of a name is one of the words meant, or contains a long one of them.

    >>> says(["windowglass"], vocabulary("glass rim")), says(["primary"], vocabulary("rim"))
    (True, False)
    """
    long = [word for word in meant if len(word) >= _LONG]
    return any(word in meant or any(inner in word for inner in long) for word in name)
