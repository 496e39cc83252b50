"""The images of a source and their classes, as training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.results.files import CLASSES
from dmlbench.sources import ImageSource
from dmldata.common.errors import FieldError, InputError


@dataclass(frozen=True)
class ClassImages:
    """N images that have a class.

    Attributes:
        keys: [N] keys, in the order of the source.
        names: [N] names of the classes.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]

    def of(self, classes: Collection[str]) -> NDArray[np.int64]:
        """Return the rows of the images of these classes."""
        chosen = set(classes)
        return np.array([row for row, name in enumerate(self.names) if name in chosen], np.int64)

    def counts(self, classes: Collection[str]) -> list[int]:
        """Return the number of images of each of these classes."""
        counted = Counter(self.names)
        return [counted[name] for name in classes]


def class_images(source: ImageSource, label: str) -> ClassImages:
    """Return the images of a source that have this label; see `find_label`."""
    cells = zip(source.samples["key"].to_pylist(), source.values(label).tolist(), strict=True)
    # A class may be a number; NaN, which is not equal to itself, is none.
    labeled = [(key, str(name)) for key, name in cells if name not in (None, "") and name == name]
    keys, classes = zip(*labeled, strict=True) if labeled else ((), ())
    return ClassImages(keys, classes)


def find_label(source: ImageSource, label: str | None) -> str:
    """Return the property that is the class: `label`, or by default the usual one.

    Raises:
        InputError: the property does not exist, cannot be guessed, or is not categorical.
    """
    kinds = {key: source.manifest.factor(key).kind for key in source.manifest.varied}
    categorical = [key for key, kind in kinds.items() if kind == "categorical"]
    valid = (
        f"valid: --label with one of {', '.join(categorical)}"
        if categorical
        else "no property is categorical; valid: --properties with a file that says "
        "'NAME: {kind: categorical}' of the class"
    )
    if label is None:
        usual = [key for key in CLASSES if key in categorical][:1] or categorical
        if len(usual) != 1:
            raise InputError(f"{source.url}: which property is the class? {valid}")
        return usual[0]
    if label not in categorical:
        kind = f"is {kinds[label]}, not categorical" if label in kinds else "is not there"
        raise InputError(f"{source.url}: label '{label}' {kind}; {valid}")
    return label


def check_sampling(
    images: ClassImages,
    classes: Collection[str],
    batch: int,
    per_class: int,
    where: str,
    *,
    ranking: bool,
) -> str | None:
    """Check that batches can be drawn; return a note if images have to be drawn more than once.

    Args:
        batch, per_class: number of images per batch, and of each class in it.
        ranking: whether the loss compares images of a class with others.

    Raises:
        InputError: such batches cannot be drawn from these classes.
    """
    counts = images.counts(classes)
    if ranking and per_class < 2:
        raise FieldError(
            {"images_per_class": per_class},
            "a ranking loss learns from two images of a class; valid: 2 or more",
        )
    if ranking and batch == per_class:
        raise FieldError(
            {"batch": batch, "images_per_class": per_class},
            "a batch is of one class, and a ranking loss compares classes; valid: a larger batch",
        )
    if batch % per_class:
        raise InputError(
            f"--batch {batch} is not made of {per_class} images of each class; valid: a multiple "
            f"of {per_class}"
        )
    if batch // per_class > len(counts):
        raise InputError(
            f"{where}: a batch of {batch} takes {per_class} images of each of "
            f"{batch // per_class} classes, the fold trains on {len(counts)}; valid: --batch "
            f"{per_class * len(counts)} or less"
        )
    if max(counts) < per_class:
        raise InputError(
            f"{where}: a batch takes {per_class} images of a class, no class has more than "
            f"{max(counts)}; valid: data with at least {per_class} images of a class"
        )
    short = sum(count < per_class for count in counts)
    if not short:
        return None
    return (
        f"{short} of {len(counts)} classes have fewer than the {per_class} images that a batch "
        "takes of a class: they are drawn more than once"
    )


def check_validation(images: ClassImages, classes: Collection[str], where: str) -> None:
    """Raise InputError if no class has two images, so that retrieval cannot be scored."""
    if max(images.counts(classes)) < 2:
        raise InputError(
            f"{where}: none of the {len(classes)} classes to validate on has two images; valid: "
            "another --fold, or data with at least two images of a class"
        )
