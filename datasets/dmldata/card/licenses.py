"""Licenses by SPDX identifier: how they are read, and what they ask of pictures of a work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from dmldata.common.errors import InputError

CREATIVE_COMMONS = {
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
    "CC-BY-NC-SA-4.0": (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
        "licenses/by-nc-sa/4.0",
    ),
}
"""Name, and path on creativecommons.org, of the licenses that datasets are usually under."""

VALID = (
    "valid: an SPDX identifier (spdx.org/licenses), such as CC0-1.0, CC-BY-4.0, CC-BY-SA-4.0, "
    "CC-BY-NC-4.0 or MIT"
)
_FREE = {"Permissive", "Public Domain"}
"""Categories of licenses that ask for no more than attribution."""
_COMMONS = re.compile(r"CC-BY(-NC)?(-ND)?(-SA)?-([0-9.]+)(-[A-Z]+)?")


def spdx_license(text: str) -> str:
    """Return the SPDX identifier of a license, however its letters and hyphens are written.

    Raises:
        InputError: not the identifier of one license.

    >>> spdx_license("cc-by-nc-4.0"), spdx_license("CC BY-NC 4.0"), spdx_license("GPL-3.0")
    ('CC-BY-NC-4.0', 'CC-BY-NC-4.0', 'GPL-3.0-only')
    """
    return _listed(text).identifier


def pictures_license(works: Mapping[str, str]) -> str:
    """Return the license of a dataset whose pictures show works: CC-BY-4.0 and what they pass on.

    Args:
        works: name of a work -> its license, as stated.

    Raises:
        InputError: pictures of a work, or of two works together, cannot be published.

    >>> pictures_license({"car-a": "CC-BY-3.0", "car-b": "CC-BY-NC-4.0"})
    'CC-BY-NC-4.0'
    """
    for problem in license_problems(works):
        raise InputError(problem)
    terms = [_terms(text) for text in works.values()]
    non_commercial = "-NC" if any(one.non_commercial for one in terms) else ""
    share_alike = "-SA" if any(one.share_alike for one in terms) else ""
    return f"CC-BY{non_commercial}{share_alike}-4.0"


def license_problems(works: Mapping[str, str]) -> Iterator[str]:
    """Yield what keeps pictures of works from being published, each with the works it is about.

    >>> list(license_problems({"car-a": "CC-BY-ND-4.0", "car-b": "MIT"}))
    ["'car-a': CC-BY-ND-4.0 allows no pictures of the work to be published"]
    """
    open_to_all = non_commercial = None
    for name, text in works.items():
        try:
            terms = _terms(text)
        except InputError as error:
            yield f"'{name}': {error}"
            continue
        if terms.share_alike and not terms.non_commercial:
            open_to_all = open_to_all or f"'{name}' ({text})"
        if terms.non_commercial:
            non_commercial = non_commercial or f"'{name}' ({text})"
    if open_to_all and non_commercial:
        yield (
            f"{open_to_all} and {non_commercial} cannot be in one dataset: the first asks that it "
            "may be used commercially, the second that it may not; leave one of them out"
        )


class _Listed(NamedTuple):
    identifier: str
    category: str


class _Terms(NamedTuple):
    """What a license passes on to works derived from it."""

    non_commercial: bool = False
    share_alike: bool = False


def _terms(text: str) -> _Terms:
    """
    Raises:
        InputError: no license, or one that does not allow that pictures are published.
    """
    license = _listed(text)
    commons = _COMMONS.fullmatch(license.identifier)
    if commons is None:
        if license.category in _FREE:
            return _Terms()
        raise InputError(
            f"{license.identifier} ({license.category}) is no license under which pictures of a "
            "work can be published here; valid: permissive licenses, and Creative Commons "
            "licenses without ND"
        )
    non_commercial, no_derivatives, share_alike, version, _ = commons.groups()
    if no_derivatives:
        raise InputError(f"{license.identifier} allows no pictures of the work to be published")
    if share_alike and version == "1.0":
        raise InputError(
            f"{license.identifier} has to be passed on as it is, without its later versions; "
            "valid: version 2.0 and later"
        )
    return _Terms(bool(non_commercial), bool(share_alike))


def _listed(text: str) -> _Listed:
    found = _spdx_list().get("-".join(text.split()).lower())
    if found is None:
        raise InputError(f"license '{text}' is not known; {VALID}")
    return found


@cache
def _spdx_list() -> dict[str, _Listed]:
    """The list of SPDX, by lower-case identifier; the list's earlier names are in it."""
    from license_expression import get_license_index

    return {
        name.lower(): _Listed(entry["spdx_license_key"], entry["category"])
        for entry in get_license_index()
        if entry.get("spdx_license_key") and not entry["is_exception"]
        for name in (entry["spdx_license_key"], *entry["other_spdx_license_keys"])
        # Names that somebody made up are not on SPDX's list.
        if not name.startswith("LicenseRef-")
    }


def licence_name(spdx: str) -> str:
    """Name in words; the identifier itself where it is not a common data licence.

    >>> licence_name("CC-BY-4.0")
    'Creative Commons Attribution 4.0 International'
    """
    return CREATIVE_COMMONS.get(spdx, (spdx, ""))[0]


def licence_url(spdx: str) -> str:
    """Where the licence can be read.

    >>> licence_url("CC-BY-4.0")
    'https://creativecommons.org/licenses/by/4.0/'
    >>> licence_url("MIT")
    'https://spdx.org/licenses/MIT.html'
    """
    if spdx in CREATIVE_COMMONS:
        return f"https://creativecommons.org/{CREATIVE_COMMONS[spdx][1]}/"
    return f"https://spdx.org/licenses/{spdx}.html"
