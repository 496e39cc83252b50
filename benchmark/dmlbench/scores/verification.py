"""Verification: do two images have the same label? Scores of pairs (protocol section 8).

Neighbor scores ask about each image's own ranking. Verification asks whether a single threshold on
the distance, the same for all images, separates pairs with the same label from the others. Pairs
are those of the images with a label (a seeded 2,000 of more), near first by the distance of
normalized embeddings; in sweeps, pairs within a scene are left out for labels that belong to
scenes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.operating_points import roc_curve_scores
from dmlbench.scores._kernels.pair_bins import Members, PairBins
from dmlbench.scores._kernels.parallel import in_order
from dmlbench.scores._kernels.threshold_inconsistency import LEVELS, Thresholds
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.jackknife import Sample
from dmlbench.scores.labels import LabelColumn, Labels, encode_labels
from dmlbench.scores.options import Options, same_rows
from dmlbench.scores.registry import PAIR_SCORES, declared
from dmlbench.scores.score import ABSENT, Scores, make_score
from dmlbench.scores.uncertainty import generator, permuted_orders
from dmldata.common.arrays import Floats, Ints
from dmldata.common.strict import StrictModel

MAX_IMAGES = 2_000
"""Maximum number of images whose pairs are compared (a seeded subset of more)."""
KEYS = tuple(score.key for score in PAIR_SCORES)
ROC_AUC, EER, TPR, OPIS, ALIGNMENT = KEYS


class PairCounts(StrictModel):
    """Of how many pairs the scores of a property are: same label, and different labels."""

    images: int
    same: int
    different: int


@dataclass(frozen=True)
class Verification:
    """The scores of pairs by property, and the numbers of pairs that they are of."""

    scores: dict[str, Scores]
    pairs: dict[str, PairCounts]


def verification_scores(
    embeddings: Floats, labels: Mapping[str, Labels], options: Options
) -> Verification:
    """Return `roc_auc`, `eer`, `tpr_at_fpr_1e-3`, `opis` and `alignment`, by property.

    The functions of these names define them. Without a pair of either kind there are none, without
    1,000 pairs of different labels no `tpr_at_fpr_1e-3`, and without two labels that have pairs no
    `opis`.
    """
    step = options.stage("pairs", len(labels))
    images = {
        name: np.searchsorted(coded.rows, options.choose_images(coded.rows, MAX_IMAGES, "pairs"))
        for name, coded in labels.items()
    }
    keys = {
        name: np.concatenate([coded.rows[images[name]], coded.units[images[name]]])
        for name, coded in labels.items()
    }
    result = Verification({}, {})
    for names in same_rows(keys):
        chosen = images[names[0]]
        rows, units = labels[names[0]].rows[chosen], labels[names[0]].units[chosen]
        points = prepare_points(embeddings[rows], normalize=True)
        pairs = _Pairs.of(PairBins.of(points, units), units, options.groups_of(rows))
        codes = {name: labels[name].codes[chosen] for name in names}

        def score(
            name: str, pairs: _Pairs = pairs, codes: dict[str, Ints] = codes, rows: Ints = rows
        ) -> tuple[Scores, PairCounts]:
            rng = generator(options.seed, "chance of pairs", name)
            orders = permuted_orders(
                codes[name], options.permutations, rng, options.scenes_of(rows)
            )
            return pairs.score(codes[name], list(orders), options.scenes_of(rows))

        for name, (scores, counts) in in_order(score, names, options.threads):
            result.scores[name], result.pairs[name] = scores, counts
            step(1)
    return result


def why_absent(scores: Scores) -> Iterator[str]:
    """Yield why scores of pairs are missing, by key; a missing `alignment` means all of them."""
    if scores[ALIGNMENT].value is None:
        yield f"{', '.join(KEYS)}: no pair with the same label, or none with different ones"
        return
    if scores[TPR].value is None:
        yield f"{TPR}: fewer than 1,000 pairs with different labels"
    if scores[OPIS].value is None:
        yield f"{OPIS}: fewer than two labels have a pair"


def roc_auc(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return the area under the ROC curve of pairs: is a pair with the same label the nearer one?

    The share of pairs of a pair with the same label and a pair with different ones, of which the
    first is nearer; ties count half. For categories, the Spearman correlation of embedding distance
    and label distance (0 or 1) is a fixed function of it.

    Args:
        embeddings: [N, D]; normalized before distances are taken.
        labels: [N] integers, text, or floats; NaN or None = no label there.

    Returns:
        In 0..1, 0.5 at chance; None without a pair of either kind. Up to 2,000 images; of more a
        seeded subset.

    >>> roc_auc([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1])
    1.0
    """
    return _single(ROC_AUC, embeddings, labels)


def eer(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return the equal error rate: the error of the threshold that errs on both kinds alike.

    Where as large a share of the pairs with the same label is rejected as of the others is
    accepted. Arguments and pairs are those of `roc_auc`.

    Returns:
        In 0..1: 0 is perfect, 0.5 chance.

    >>> eer([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1])
    0.0
    """
    return _single(EER, embeddings, labels)


def tpr_at_fpr(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return the share of pairs with the same label that a strict threshold accepts.

    `tpr_at_fpr_1e-3`: the threshold accepts one in 1,000 pairs with different labels. Arguments and
    pairs are those of `roc_auc`.

    Returns:
        In 0..1: 1 is perfect, 0.001 chance; None for fewer than 1,000 pairs of different labels.

    >>> tpr_at_fpr(np.repeat(np.eye(3), 20, axis=0), np.repeat([0, 1, 2], 20))
    1.0
    """
    return _single(TPR, embeddings, labels)


def opis(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return the operating point inconsistency: how differently a threshold works over labels.

    For a threshold t on the distance, the utility of label l is the harmonic mean of sensitivity,
    the share of the pairs within l that are nearer than t, and specificity, the share of the pairs
    of an image of l and one of another label that are not. OPIS is the variance of utility over
    labels, averaged over 32 thresholds at equal steps between the distances at which 1 % and 10 %
    of all pairs with different labels are nearer. Labels without a pair are left out.
    Source: Zhang et al., "Threshold-Consistent Margin Loss for Open-World Deep Metric Learning",
    ICLR 2024 (arXiv 2307.04047); the range of thresholds is a choice of this project.

    Arguments and pairs are those of `roc_auc`.

    Returns:
        In 0..0.25: 0 where a threshold works for all labels alike, well or badly. None for fewer
        than two labels with pairs. Labels of few images have noisy utilities, which add to it.

    >>> opis(np.repeat(np.eye(3), 20, axis=0), np.repeat([0, 1, 2], 20))
    0.0
    """
    return _single(OPIS, embeddings, labels)


def alignment(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return the mean squared distance of pairs with the same label, of normalized embeddings.

    Source: Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", ICML 2020, with alpha = 2. Arguments and pairs are those of
    `roc_auc`.

    Returns:
        In 0..4: 0 where images with the same label are one point, which a collapsed model has, too.

    >>> alignment([[1.0, 0.0], [0.0, 2.0], [0.0, 1.0]], ["a", "a", "b"])
    2.0
    """
    return _single(ALIGNMENT, embeddings, labels)


@dataclass(frozen=True)
class _Pairs:
    """Pairs of the same n images with what all properties share.

    Attributes:
        units: [n] of each image.
        groups: [n] jackknife group of each image; None for no intervals.
        staying: [n] per group, the images without it.
        without: [B] per group, the pairs in each bin without it.
    """

    bins: PairBins
    units: Ints
    groups: Ints | None
    staying: list[NDArray[np.bool_]]
    without: list[NDArray[np.int64]]

    @classmethod
    def of(cls, bins: PairBins, units: Ints, groups: Ints | None) -> _Pairs:
        everything, order = np.zeros(len(units), np.intp), np.arange(len(units))[None]
        masks = (
            [] if groups is None else [groups != group for group in range(int(groups.max()) + 1)]
        )
        without = [bins.count_within(Members.of(everything, mask), order)[0] for mask in masks]
        return cls(bins, units, groups, masks, without)

    def score(
        self, codes: Ints, orders: Sequence[Ints], scenes: Ints | None
    ) -> tuple[Scores, PairCounts]:
        """Return the scores of label codes [n] and of their permutations.

        Args:
            scenes: [n] scene of each image; None where each shows its own.
        """
        bins, itself = self.bins, np.arange(len(codes))[None]
        codes = np.unique(codes, return_inverse=True)[1]
        members = Members.of(codes)
        hits = bins.count_within(members, itself)[0]
        counts = PairCounts(
            images=len(codes), same=int(hits.sum()), different=int((bins.counts - hits).sum())
        )
        if not counts.same or not counts.different:
            return dict.fromkeys(KEYS, ABSENT), counts
        thresholds = Thresholds.of(bins, hits, codes, self.groups)

        all_orders = np.concatenate([itself, *(order[None] for order in orders)])
        by_bin, by_level = bins.tally_within(members, all_orders, thresholds.level, LEVELS)
        value, *permuted = (self._values(same, bins.counts) for same in by_bin)
        for values, number in zip(
            (value, *permuted), thresholds.permuted(by_level, all_orders), strict=True
        ):
            values[OPIS] = number
        replicates: list[dict[str, float]] = []
        for group, (mask, everything) in enumerate(zip(self.staying, self.without, strict=True)):
            staying = Members.of(codes, mask)
            by_bin, by_level = bins.tally_within(staying, itself, thresholds.level, LEVELS)
            replicates.append(self._values(by_bin[0], everything))
            replicates[-1][OPIS] = thresholds.replicate(by_level[0], mask, group)
        paired = self._has_pair(codes)
        shown = np.flatnonzero(paired) if scenes is None else np.unique(scenes[paired])
        sample = Sample(counts.same, len(shown))
        scores = {
            key: make_score(
                key,
                value[key],
                np.array([replicate[key] for replicate in replicates]),
                np.array([numbers[key] for numbers in permuted]),
                sample=sample if declared(key).proportion else None,
            )
            for key in KEYS
        }
        return scores, counts

    def _has_pair(self, codes: Ints) -> NDArray[np.bool_]:
        """Return which images [n] have a pair with the same label: another unit has it, too."""
        of_units = np.unique(np.stack([codes, self.units]), axis=1)[0]
        return (np.bincount(of_units) > 1)[codes]

    def _values(self, same: Ints, everything: Ints) -> dict[str, float]:
        """Return the scores, all but OPIS, of the pairs in each bin."""
        curve = roc_curve_scores(same, everything)
        count = int(same.sum())
        near = float(same @ self.bins.squared) / count if count else float("nan")
        return {ROC_AUC: curve.roc_auc, EER: curve.eer, TPR: curve.tpr, ALIGNMENT: near}


def _single(key: str, embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    array = check_embeddings(embeddings)
    coded = encode_labels(labels, len(array))
    if not len(coded.rows):
        return None
    options = Options(0, None, 0, max_queries=1, threads=1, progress=None)
    return verification_scores(array, {"": coded}, options).scores[""][key].value
