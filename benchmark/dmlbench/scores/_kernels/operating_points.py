"""From pairs in bins of distance to scores of verification: which pairs have the same label?

A threshold accepts the pairs that are nearer. Tied pairs are accepted by their share, so that a
curve runs straight between two bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmldata.common.arrays import Ints

FALSE_POSITIVE_RATE = 1e-3


class Curve(NamedTuple):
    """Area under the ROC curve, equal error rate, and true positive rate at a false positive rate
    of 1e-3; NaN where a kind of pair is missing, or has too few for that rate."""

    roc_auc: float
    eer: float
    tpr: float


MISSING = Curve(float("nan"), float("nan"), float("nan"))


def roc_curve_scores(same: Ints, everything: Ints) -> Curve:
    """Return the scores of the curve of pairs in bins, from near to far.

    Args:
        same: [B] pairs with the same label in each bin.
        everything: [B] all pairs in each bin.

    >>> roc_curve_scores(np.array([2, 0, 0]), np.array([2, 1500, 1500]))
    Curve(roc_auc=1.0, eer=0.0, tpr=1.0)
    >>> roc_curve_scores(np.array([1, 1]), np.array([2, 2]))[:2]
    (0.5, 0.5)
    """
    accepted = np.concatenate([[0.0], np.cumsum(same)])
    wrong = np.concatenate([[0.0], np.cumsum(everything - same)])
    if accepted[-1] == 0 or wrong[-1] == 0:
        return MISSING
    different = wrong[-1]
    accepted /= accepted[-1]
    wrong /= different
    area = float(np.diff(wrong) @ (accepted[1:] + accepted[:-1]) / 2)
    excess = accepted + wrong - 1
    after = int(np.searchsorted(excess, 0.0))
    part = -excess[after - 1] / (excess[after] - excess[after - 1])
    equal = float(wrong[after - 1] + part * (wrong[after] - wrong[after - 1]))
    known = different * FALSE_POSITIVE_RATE >= 1
    at_rate = float(np.interp(FALSE_POSITIVE_RATE, wrong, accepted)) if known else float("nan")
    return Curve(area, equal, at_rate)
