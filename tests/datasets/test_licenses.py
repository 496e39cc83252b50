"""Which license the pictures of works have, and which works may not be shown."""

from __future__ import annotations

import pytest

from dmldata.card.licenses import license_problems, pictures_license, spdx_license
from dmldata.common.errors import InputError


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("CC BY NC 4.0", "CC-BY-NC-4.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        (" cc0-1.0\n", "CC0-1.0"),
        ("mit", "MIT"),
        ("GPL-3.0", "GPL-3.0-only"),
    ],
)
def test_a_license_is_read_however_its_letters_and_hyphens_are_written(
    text: str, identifier: str
) -> None:
    assert spdx_license(text) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "Attribution-NonCommercial",
        "All rights reserved",
        "Sketchfab Editorial",
        "Standard",
        "CC-BY",
        "CC-BY-5.0",
        "LicenseRef-mine",
        "NOASSERTION",
        "MIT OR CC-BY-4.0",
        "Classpath-exception-2.0",
        "https://creativecommons.org/licenses/by/4.0/",
        "",
    ],
)
def test_what_is_no_license_of_spdx_is_refused_with_what_would_be_valid(text: str) -> None:
    with pytest.raises(InputError, match=r"is not known; valid: an SPDX identifier .* CC-BY-4\.0"):
        spdx_license(text)
    (problem,) = license_problems({"car-a": text})
    assert problem.startswith(f"'car-a': license '{text}' is not known")


@pytest.mark.parametrize(
    ("works", "license"),
    [
        ([], "CC-BY-4.0"),
        (["CC0-1.0", "CC-BY-3.0-US", "MIT"], "CC-BY-4.0"),
        (["CC-BY-4.0", "cc-by-nc-4.0"], "CC-BY-NC-4.0"),
        (["CC-BY-SA-3.0", "CC0-1.0"], "CC-BY-SA-4.0"),
        (["CC-BY-NC-3.0", "CC-BY-NC-SA-2.0-FR"], "CC-BY-NC-SA-4.0"),
    ],
)
def test_pictures_are_under_what_all_works_together_ask_for(works: list[str], license: str) -> None:
    assert pictures_license(dict(zip("abcdef", works, strict=False))) == license


@pytest.mark.parametrize(
    "license",
    [
        "CC-BY-ND-4.0",
        "CC-BY-NC-ND-3.0-DE",
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "ODbL-1.0",
        "CC-BY-SA-1.0",
        "BUSL-1.1",
    ],
)
def test_a_license_that_pictures_cannot_keep_is_refused(license: str) -> None:
    with pytest.raises(InputError, match=f"^'car-a': {license}"):
        pictures_license({"car-a": license})


@pytest.mark.parametrize("other", ["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"])
def test_works_that_exclude_each_other_are_both_named(other: str) -> None:
    works = {"car-a": "CC-BY-4.0", "car-b": other, "car-c": "CC-BY-SA-4.0"}
    (problem,) = license_problems(works)
    assert problem.startswith(f"'car-c' (CC-BY-SA-4.0) and 'car-b' ({other}) cannot be in one")
    with pytest.raises(InputError, match="car-c"):
        pictures_license(works)


def test_every_work_that_is_a_problem_is_named() -> None:
    problems = list(license_problems({"a": "CC-BY-ND-4.0", "b": "MIT", "c": "mine"}))
    assert [problem[:3] for problem in problems] == ["'a'", "'c'"]
