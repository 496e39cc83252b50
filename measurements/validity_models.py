"""Tables of validity.py about models: which may be the best, and whether groups of them differ.

Beside shares stands their simulation error, one standard deviation.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from validity_tables import print_table

Array = NDArray[np.float64]
IMAGES, MODELS, DIMENSIONS = 300, 14, 32


class Images(NamedTuple):
    """What embeddings of a dataset are made of.

    Attributes:
        labels: [N] label of each image.
        scenes: [N] scene of each image; None where each shows its own.
        shared: [N, D] what all models see in an image beside its label.
        noise: draws [N, D] that a model sees alone.
    """

    labels: NDArray[np.int64]
    scenes: NDArray[np.int64] | None
    shared: Array
    noise: Callable[[], Array]


def make_images(kind: str, rng: np.random.Generator) -> Images:
    """Draw the images of a dataset of this kind."""
    shape = IMAGES, DIMENSIONS
    labels = rng.integers(0, 6, IMAGES)
    normal = Images(labels, None, rng.normal(size=shape), lambda: rng.normal(size=shape))
    if kind == "isotropic":
        return normal
    if kind == "clustered":
        centers = 2 * rng.normal(size=(12, DIMENSIONS))
        return normal._replace(shared=normal.shared + centers[rng.integers(0, 12, IMAGES)])
    if kind == "heavy-tailed":
        return Images(labels, None, rng.standard_t(3, shape), lambda: rng.standard_t(3, size=shape))
    if kind == "few per label":
        return normal._replace(labels=rng.integers(0, 60, IMAGES))
    scenes = np.repeat(np.arange(IMAGES // 3), 3)
    of_scene = rng.normal(size=(IMAGES // 3, DIMENSIONS))[scenes]
    return normal._replace(labels=labels[scenes], scenes=scenes, shared=of_scene)


KINDS = ("isotropic", "clustered", "heavy-tailed", "few per label", "sweep")


def share(hits: Iterable[bool]) -> str:
    """Format a share in percent with its standard deviation over simulations."""
    values = np.array(list(hits), np.float64)
    p = float(values.mean())
    return f"{100 * p:.1f} ± {100 * np.sqrt(p * (1 - p) / len(values)):.1f} %"


def best(seeds: int) -> None:
    """Print how often equal models are excluded from the best, and a better one is found."""
    columns = (
        *("data", "equal: some excluded, pairwise", "equal: some excluded, together"),
        *("better: kept, pairwise", "better: kept, together"),
        *("better: others left, pairwise", "better: others left, together"),
    )
    rows = [("mean over images", _mean_of_images, 0.4, 10 * seeds)]
    rows += [(kind, _nr_precision, BETTER[kind], seeds) for kind in KINDS]
    print_table(columns, (_best_row(*row) for row in rows))


Replicated = tuple[float, tuple[float, ...]]
"""A score and its jackknife replicates."""


def _best_row(
    kind: str, score: Callable[[Images, float, int], Replicated], strength: float, seeds: int
) -> Iterator[str]:
    equal: list[tuple[bool, bool]] = []
    better: list[tuple[tuple[bool, int], tuple[bool, int]]] = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        images = make_images(kind if kind in KINDS else "isotropic", rng)
        scores = [score(images, 0.0, seed) for _ in range(MODELS)]
        pairwise, together = _remaining(scores)
        equal.append((not pairwise.all(), not together.all()))
        scores[0] = score(images, strength, seed)
        pairwise, together = _remaining(scores)
        better.append(
            tuple((bool(models[0]), int(models[1:].sum())) for models in (pairwise, together))
        )
    yield kind
    yield from (share(excluded) for excluded in zip(*equal, strict=True))
    rules = list(zip(*better, strict=True))
    yield from (share(kept for kept, _ in rule) for rule in rules)
    yield from (f"{np.mean([others for _, others in rule]):.1f} of 13" for rule in rules)


BETTER = {
    "isotropic": 0.4,
    "clustered": 0.6,
    "heavy-tailed": 0.6,
    "few per label": 1.0,
    "sweep": 0.4,
}
"""How much more signal the better model has, as a share of that of the others."""


def _mean_of_images(images: Images, better: float, seed: int) -> Replicated:
    """Return a score that is a mean over images, of which each has what models share and do not."""
    values = better + images.shared[:, 0] + images.noise()[:, 0]
    groups = np.random.default_rng(seed).permutation(IMAGES) % 20
    left_out = tuple(float(values[groups != group].mean()) for group in range(20))
    return float(values.mean()), left_out


def _nr_precision(images: Images, better: float, seed: int) -> Replicated:
    """Return NR-Precision of a new model and its replicates."""
    from dmlbench.scores.labels import encode_labels
    from dmlbench.scores.options import Options
    from dmlbench.scores.retrieval import neighbor_scores
    from dmlbench.scores.uncertainty import drop_groups

    signal = 2 * (1 + better) * np.eye(images.labels.max() + 1)[images.labels] @ _directions(images)
    embeddings = signal + images.shared + images.noise()
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = {"label": encode_labels(images.labels, IMAGES, "label")}
    scenes = None if images.scenes is None else list(images.scenes)
    groups = drop_groups(IMAGES, scenes, seed)
    options = Options(seed, groups, 0, IMAGES, 1, None, images.scenes)
    score = neighbor_scores(embeddings, labels, options)["label"]["nr_precision"]
    assert score.value is not None
    assert score.replicates is not None
    return score.value, score.replicates


def _directions(images: Images) -> Array:
    """Return a fixed unit direction [L, D] for each label."""
    directions = np.random.default_rng(7).normal(size=(images.labels.max() + 1, DIMENSIONS))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _remaining(scores: list[Replicated]) -> tuple[NDArray[np.bool_], ...]:
    """Return which models may be best: by pairwise intervals from the leader, and together."""
    from dmlbench.comparison.simultaneous import may_be_highest
    from dmlbench.scores.jackknife import jackknife_interval

    values, replicates = (np.array(part) for part in zip(*scores, strict=True))
    leader = values.argmax()
    pairwise = []
    for value, left_out in zip(values, replicates, strict=True):
        interval = jackknife_interval(values[leader] - value, replicates[leader] - left_out)
        pairwise.append(interval is None or interval[0] <= 0)
    return np.array(pairwise), may_be_highest(values, replicates)


def groups(seeds: int) -> None:
    """Print how often groups of 5 and 9 losses that do not differ are told apart (p < 0.05).

    A property or an agreement depends on MAP@R or not, and MAP@R on the group or not; power is that
    for a group that differs by 1.5 standard deviations, or agrees more within it. In the last rows
    losses of one group agree less with all losses, by 3 standard deviations.
    """
    cases = {
        "nothing depends on MAP@R": (0.0, 0.0),
        "the property depends on MAP@R": (2.0, 0.0),
        "MAP@R depends on the group": (0.0, 2.0),
        "both": (2.0, 2.0),
    }
    columns = ("data", "U", "given MAP@R", "relabeling", "relabeling given MAP@R")
    rows = [
        (f"{name}, {case}", slope, shift, effect, 0.0)
        for effect, case in ((0.0, "no effect of the group"), (1.5, "an effect"))
        for name, (slope, shift) in cases.items()
    ]
    rows += [
        (f"the {which} losses agree less with all, no effect of the group", 0.0, 0.0, 0.0, more)
        for which, more in (("5", -3.0), ("9", 3.0))
    ]
    print_table(columns, (_group_row(*row, seeds) for row in rows))


def _group_row(
    name: str, slope: float, shift: float, effect: float, more: float, seeds: int
) -> Iterator[str]:
    from dmlbench.comparison.rank_tests import exact_test
    from dmlbench.comparison.relabeling import group_given_covariate, relabeling_test

    first = np.arange(14) < 5
    p_values = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        retrieval = shift * first + rng.normal(size=14)
        values = slope * retrieval + effect * first + rng.normal(size=14)
        distance = np.abs(retrieval[:, None] - retrieval)
        # Noise of each loss and of each pair: agreements of pairs that share a loss go together.
        of_loss, of_pair = rng.normal(size=14), np.triu(rng.normal(size=(14, 14)), 1)
        loadings = 0.8 + 0.02 * (of_loss + more * first)
        of_pair += of_pair.T - slope * distance + 0.5 * effect * (first[:, None] == first)
        agreement = np.outer(loadings, loadings) + 0.02 * of_pair
        tests = (
            exact_test(list(values[first]), list(values[~first])),
            group_given_covariate(values, first, retrieval, seed),
            relabeling_test(agreement, first, seed=seed),
            relabeling_test(agreement, first, retrieval, seed),
        )
        p_values.append([test.p for test in tests if test is not None])
    yield name
    yield from (share(p < 0.05 for p in column) for column in zip(*p_values, strict=True))
