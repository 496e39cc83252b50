"""Licenses by SPDX identifier, and what they require of pictures of a work."""

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
"""Name and path on creativecommons.org of the usual licenses of datasets."""

VALID = (
    "valid: an SPDX identifier (spdx.org/licenses), such as CC0-1.0, CC-BY-4.0, CC-BY-SA-4.0, "
    "CC-BY-NC-4.0 or MIT"
)
_FREE = {"Permissive", "Public Domain"}
"""Categories of licenses that require attribution at most."""
_COMMONS = re.compile(r"CC-BY(-NC)?(-ND)?(-SA)?-([0-9.]+)(-[A-Z]+)?")


def spdx_license(text: str) -> str:
    """Return the SPDX identifier of a license; case, spaces and hyphens are normalized.

    Raises:
        InputError: the text is not the identifier of a single license.

    >>> spdx_license("cc-by-nc-4.0"), spdx_license("CC BY-NC 4.0"), spdx_license("GPL-3.0")
    ('CC-BY-NC-4.0', 'CC-BY-NC-4.0', 'GPL-3.0-only')
    """
    return _listed(text).identifier


def pictures_license(works: Mapping[str, str]) -> str:
    """Return the license of pictures of works: CC-BY-4.0 with the conditions of the works.

    Args:
        works: license of each work, by the work's name.

    Raises:
        InputError: pictures of a work, or of two works together, cannot be published.

    >>> pictures_license({"car-a": "CC-BY-3.0", "car-b": "CC-BY-NC-4.0"})
    'CC-BY-NC-4.0'
    """
    for problem in license_problems(works):
        raise InputError(problem)
    terms = [_terms(text) for text in works.values()]
    non_commercial = "-NC" if any(term.non_commercial for term in terms) else ""
    share_alike = "-SA" if any(term.share_alike for term in terms) else ""
    return f"CC-BY{non_commercial}{share_alike}-4.0"


def license_problems(works: Mapping[str, str]) -> Iterator[str]:
    """Yield each reason why pictures of works cannot be published, with the works concerned.

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
    """Conditions that a license passes on to derived works."""

    non_commercial: bool = False
    share_alike: bool = False


def _terms(text: str) -> _Terms:
    """Return the conditions of a license.

    Raises:
        InputError: the license is unknown, or does not allow pictures to be published.
    """
    license = _listed(text)
    commons = _COMMONS.fullmatch(license.identifier)
    if commons is None:
        if license.category in _FREE:
            return _Terms()
        raise InputError(
            f"{license.identifier} ({license.category}) does not allow pictures of a work "
            "to be published here; valid: permissive licenses, and Creative Commons "
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
    listed = _spdx_list().get("-".join(text.split()).lower())
    if listed is None:
        raise InputError(f"license '{text}' is not known; {VALID}")
    return listed


@cache
def _spdx_list() -> dict[str, _Listed]:
    """Return the SPDX license list by lower-case identifier, including earlier names."""
    from license_expression import get_license_index

    return {
        name.lower(): _Listed(entry["spdx_license_key"], entry["category"])
        for entry in get_license_index()
        if entry.get("spdx_license_key") and not entry["is_exception"]
        for name in (entry["spdx_license_key"], *entry["other_spdx_license_keys"])
        # Such names are custom, not on the SPDX list.
        if not name.startswith("LicenseRef-")
    }


def license_name(spdx: str) -> str:
    """Return the name of a license; the identifier itself if it is not a common data license.

    >>> license_name("CC-BY-4.0")
    'Creative Commons Attribution 4.0 International'
    """
    return CREATIVE_COMMONS.get(spdx, (spdx, ""))[0]


def license_url(spdx: str) -> str:
    """Return the address of the license text.

    >>> license_url("CC-BY-4.0")
    'https://creativecommons.org/licenses/by/4.0/'
    >>> license_url("MIT")
    'https://spdx.org/licenses/MIT.html'
    """
    if spdx in CREATIVE_COMMONS:
        return f"https://creativecommons.org/{CREATIVE_COMMONS[spdx][1]}/"
    return f"https://spdx.org/licenses/{spdx}.html"
