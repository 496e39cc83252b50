"""How often a condition that changes nothing brings losses nearer by more than another seed.

    python measurements/validity_conditions.py

Studies of two groups of ten losses whose means differ by so many standard deviations of a training,
and of them those whose groups differ beyond doubt (p x 11 < 0.05). Another seed moves a loss in
four pairs of trainings; a condition trains three losses again and changes nothing.
"""

from __future__ import annotations

import numpy as np

from dmlbench.comparison.rank_tests import exact_test
from dmlbench.study.conditions import Distances

STUDIES = 4_000
EFFECTS = (1.5, 3.0)
LOSSES, PROPERTIES, SEED_PAIRS, CONDITIONS, RETRAINED = 10, 11, 4, 3, 3


def main() -> None:
    """Print the share of conditions, and of studies with at least one of three."""
    generator = np.random.default_rng(0)
    print("effect  studies  one condition  any of three")
    for effect in EFFECTS:
        nearer = []
        for _ in range(STUDIES):
            first, second = generator.normal(effect, 1, LOSSES), generator.normal(0, 1, LOSSES)
            if exact_test(first.tolist(), second.tolist()).p * PROPERTIES >= 0.05:
                continue
            by_seed = float(np.abs(generator.normal(0, 2**0.5, SEED_PAIRS)).mean())
            usual = np.abs(first[:RETRAINED] - second.mean())
            said = []
            for _ in range(CONDITIONS):
                again = np.abs(generator.normal(effect, 1, RETRAINED) - second.mean())
                count = int((again < usual).sum())
                distances = Distances(float(usual.mean()), float(again.mean()), count, RETRAINED)
                said.append(distances.exceeds_seed(by_seed))
            nearer.append(said)
        shares = np.array(nearer, bool)
        print(
            f"{effect:6}  {len(shares):7}  {shares.mean():13.3f}  {shares.any(axis=1).mean():12.3f}"
        )


if __name__ == "__main__":
    main()
