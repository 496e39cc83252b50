"""Words on tests of two groups: what differs beyond doubt, by how much, and what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dmlbench.comparison.group_tests import GroupComparison, GroupTest, RetrievalTest
from dmlbench.present.numbers import number, p_value

SIGNIFICANCE = 0.05
LARGE_DELTA = 0.474
"""|Cliff's delta| of a large effect. Source: Romano et al. (2006)."""


def smallest_words(tests: Mapping[str, GroupTest]) -> str:
    """Say which of several tests has the smallest p, and how small it is, by both corrections."""
    by_correction = {
        "Holm": {name: test.corrected.p_holm for name, test in tests.items()},
        "max-T": {name: test.corrected.p_max_t for name, test in tests.items()},
    }
    said = []
    for correction, of_all in by_correction.items():
        known = {name: p for name, p in of_all.items() if p is not None}
        if known:
            name = min(known, key=lambda name: known[name])
            said.append(f"{p_value(known[name])} by {correction} ({name})")
    return f": the smallest p is {' and '.join(said)}" if said else ""


def none_words(tests: Mapping[str, GroupTest]) -> str:
    """Return that none of several tests differs, with the smallest p."""
    smallest = smallest_words(tests).removeprefix(": ")
    return f"none ({smallest})" if smallest else "none"


def large_words(start: str, tests: Mapping[str, GroupTest]) -> Iterator[str]:
    """Yield which differences are large, if some are that many tests make doubtful."""
    sure = beyond_doubt(tests)
    large = [
        name
        for name, test in tests.items()
        if name not in sure and abs(test.corrected.delta) >= LARGE_DELTA and _has_sign(test)
    ]
    if large:
        listed = "; ".join(difference_words(name, tests[name]) for name in large)
        yield (
            f"{start} that are large and have a sign (|delta| >= {LARGE_DELTA}, its interval "
            f"without 0), but not beyond the doubt of so many tests: {listed}."
        )


def beyond_doubt(tests: Mapping[str, GroupTest]) -> list[str]:
    """Return the names of those of several tests whose difference is beyond doubt."""
    return [
        name
        for name, test in tests.items()
        if test.corrected.p_holm is not None
        and test.corrected.p_holm < SIGNIFICANCE
        and _has_sign(test)
    ]


def by_max_t(tests: Mapping[str, GroupTest]) -> list[str]:
    """Return the names of those of several tests that differ by max-T."""
    return [
        name
        for name, test in tests.items()
        if test.corrected.p_max_t is not None and test.corrected.p_max_t < SIGNIFICANCE
    ]


def _has_sign(test: GroupTest) -> bool:
    low, high = test.corrected.delta_ci95
    return not low <= 0 <= high


def means_words(test: GroupTest) -> str:
    """Return the means of both groups."""
    means = test.corrected.means.items()
    return ", ".join(f"{group} {number(score, 2)}" for group, score in means)


def difference_words(name: str, test: GroupTest) -> str:
    """Return the name of a property with the means of both groups, their difference and its p."""
    corrected = test.corrected
    delta, p = number(corrected.delta, 2), p_value(corrected.p_holm)
    return f"{name} ({means_words(test)}; delta {delta}, p (Holm) {p}{given_words(test)})"


def given_words(test: GroupTest) -> str:
    """Return the p of a test given MAP@R as the end of a list; empty without it."""
    controlled = test.given_retrieval
    if controlled is None:
        return ""
    p = controlled.p if controlled.p_holm is None else controlled.p_holm
    return f", given MAP@R {p_value(p)}"


def given_retrieval(groups: GroupComparison) -> list[str]:
    """Return the properties in which the groups differ given MAP@R."""
    return beyond_doubt_given(
        {name: test.given_retrieval for name, test in groups.properties.items()}
    )


def beyond_doubt_given(tests: Mapping[str, RetrievalTest | None]) -> list[str]:
    """Return the names of those of several tests given MAP@R that are beyond doubt."""
    return [
        name
        for name, test in tests.items()
        if test is not None and test.p_holm is not None and test.p_holm < SIGNIFICANCE
    ]
