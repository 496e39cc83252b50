"""Licences by SPDX identifier: their names and where they can be read."""

from __future__ import annotations

_CREATIVE_COMMONS = {
    "CC0-1.0": ("CC0 1.0 Universal", "publicdomain/zero/1.0"),
    "CC-BY-3.0": ("Creative Commons Attribution 3.0 Unported", "licenses/by/3.0"),
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", "licenses/by/4.0"),
    "CC-BY-SA-4.0": (
        "Creative Commons Attribution-ShareAlike 4.0 International",
        "licenses/by-sa/4.0",
    ),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0 International",
        "licenses/by-nc/4.0",
    ),
}


def licence_name(spdx: str) -> str:
    """Name in words; the identifier itself where it is not a common data licence.

    >>> licence_name("CC-BY-4.0")
    'Creative Commons Attribution 4.0 International'
    """
    return _CREATIVE_COMMONS.get(spdx, (spdx, ""))[0]


def licence_url(spdx: str) -> str:
    """Where the licence can be read.

    >>> licence_url("CC-BY-4.0")
    'https://creativecommons.org/licenses/by/4.0/'
    >>> licence_url("MIT")
    'https://spdx.org/licenses/MIT.html'
    """
    if spdx in _CREATIVE_COMMONS:
        return f"https://creativecommons.org/{_CREATIVE_COMMONS[spdx][1]}/"
    return f"https://spdx.org/licenses/{spdx}.html"
