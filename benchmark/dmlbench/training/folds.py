"""Class-disjoint folds: the classes that a model is trained on, and those it is validated on."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from dmldata.common.errors import InputError

FEWEST = 2
"""Minimum number of classes on either side: a single class cannot be distinguished from others."""


@dataclass(frozen=True)
class Fold:
    """Names of the classes on either side, disjoint and in natural order."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


def split_classes(names: Collection[str], fold: int, folds: int, where: str) -> Fold:
    """Split classes into `folds` parts: part number `fold` validates, the others train.

    The parts are consecutive in the natural order of the names, as in Musgrave et al., "A Metric
    Learning Reality Check" (ECCV 2020), whose classes are numbered: neighbors in such an order
    are often alike (one make of cars, one genus of birds), and stay on one side.

    Args:
        where: name of the data, for messages.

    Raises:
        InputError: there is no such fold, or it has fewer than FEWEST classes on one side.

    >>> split_classes(["b2", "b10", "a", "c"], fold=1, folds=2, where="")
    Fold(train=('a', 'b2'), validation=('b10', 'c'))
    """
    if folds < 2 or not 0 <= fold < folds:
        raise InputError(
            f"fold {fold} of {folds}; valid: --folds 2 or more, --fold 0 to {max(folds, 2) - 1}"
        )
    # By the name as well: 'car 2' and 'car 02' are equal in the natural order.
    ordered = sorted(names, key=lambda name: (natural(name), name))
    first, last = (len(ordered) * part // folds for part in (fold, fold + 1))
    split = Fold((*ordered[:first], *ordered[last:]), tuple(ordered[first:last]))
    for side, classes in (("train on", split.train), ("validate on", split.validation)):
        if len(classes) < FEWEST:
            raise InputError(
                f"{where}: fold {fold} of {folds} leaves {len(classes)} of {len(ordered)} classes "
                f"to {side}; valid: at least {FEWEST}, so --folds up to {len(ordered) // FEWEST} "
                "and more classes"
            )
    return split


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which 'car 2' comes before 'car 10'."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
