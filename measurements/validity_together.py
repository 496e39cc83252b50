"""How often tests of two groups over all properties at once are right; see validity.py."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm
from validity_models import share
from validity_tables import print_table

LOSSES, PROPERTIES = 10, 11
"""Losses a group, and properties, as in the study of docs/study.md."""
IN_COMMON = 0.75
"""Share of the variance over losses that one component has in that study."""


def together(seeds: int) -> None:
    """Print how often groups of ten losses are told apart in any of eleven properties (p < 0.05).

    Scores are normal; of the variance over losses one component that all properties share has 0.75
    or none. Of all properties, one or none differs by a Cliff's delta; in the last rows losses of
    one group spread twice as much as those of the other.
    """
    columns = (
        *("data", "false: Holm", "false: max-T", "true: Holm", "true: max-T", "spread differs"),
    )
    rows = [
        (in_common, differing, delta, 1.0)
        for in_common in (0.0, IN_COMMON)
        for differing, delta in (
            *((0, 0.0), (1, 0.5), (1, 0.7), (1, 0.9)),
            *((PROPERTIES, 0.5), (PROPERTIES, 0.7), (PROPERTIES, 0.9)),
        )
    ]
    rows += [(in_common, 0, 0.0, 2.0) for in_common in (0.0, IN_COMMON)]
    print_table(columns, (_row(*row, seeds) for row in rows))


def _row(
    in_common: float, differing: int, delta: float, spread: float, seeds: int
) -> Iterator[str]:
    from dmlbench.comparison.joint_tests import max_t, spread_test
    from dmlbench.comparison.rank_tests import exact_test, holm

    first = np.arange(2 * LOSSES) < LOSSES
    # P(x > y) - P(x < y) of two normals a shift apart.
    shift = np.sqrt(2) * norm.ppf((1 + delta) / 2)
    false, true, spreads = [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shared, own = rng.normal(size=2 * LOSSES), rng.normal(size=(PROPERTIES, 2 * LOSSES))
        values = np.sqrt(in_common) * shared + np.sqrt(1 - in_common) * own
        values[:, first] *= spread
        values[:differing, first] += shift
        p = [exact_test(list(row[first]), list(row[~first])).p for row in values]
        found = np.array([np.array(holm(p)) < 0.05, max_t(values, first, seed) < 0.05])
        false.append(found[:, differing:].any(axis=1))
        true.append(found[:, :differing].any(axis=1))
        test = spread_test(values, first, seed)
        spreads.append(test is not None and test.p < 0.05)
    yield (
        f"{100 * in_common:.0f} % in common, "
        + (f"{differing} of {PROPERTIES} differ, delta {delta:g}" if differing else "none differs")
        + (f", one group spreads {spread:g} times as much" if spread > 1 else "")
    )
    for answers, asked in ((false, differing < PROPERTIES), (true, differing > 0)):
        yield from (share(column) if asked else "" for column in zip(*answers, strict=True))
    yield share(spreads)
