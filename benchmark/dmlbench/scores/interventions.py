"""What an intervention does to an embedding: one group of factors is changed, nothing else.

In a sweep dataset a scene is rendered once for each variant, and a variant sets the swept group to
the same values in every scene. Distances are Euclidean, between normalized embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores._kernels.distances import Points, prepare_points
from dmlbench.scores._kernels.parallel import query_blocks
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.jackknife import GROUPS, Sample, jackknife_interval, proportion_replicates
from dmlbench.scores.labels import LabelColumn, Property, encode_labels
from dmlbench.scores.response import FactorResponse, SweptImages, measure_responses
from dmlbench.scores.score import ABSENT, Score, make_score
from dmlbench.scores.uncertainty import drop_groups, generator
from dmldata.common.arrays import Ints
from dmldata.common.errors import InputError
from dmldata.common.strict import StrictModel

MAX_SCENES = 1_000
"""Maximum number of scenes whose distances to each other are measured (a seeded subset of more)."""
BLOCK_ELEMENTS = 4_000_000
Distances = NDArray[np.float64]


class Interventions(StrictModel):
    """What changing one group of factors alone does to embeddings.

    Attributes:
        group: the group of factors that the dataset sweeps.
        scenes, variants: how many there are.
        reason: why there is no sensitivity.
        moved: median distance between two variants of a scene.
        between_cars: median distance between scenes with different cars in the same variant.
        sensitivity: moved / between_cars: 0 where the group changes nothing, 1 where it moves an
            embedding as far as another car does.
        retrieval_under_intervention: share of images whose nearest neighbor, among images of the
            same car in another variant and images of another car in the same variant, is the same
            car (a tie counts half).
        retrieval_expected: that share for random embeddings.
        response: by factor of the group, what changes of each size do; empty without a sensitivity,
            and in files of before it.
    """

    group: str
    scenes: int
    variants: int
    reason: str | None
    moved: float | None
    between_cars: float | None
    sensitivity: Score
    retrieval_under_intervention: Score
    retrieval_expected: float | None
    response: tuple[FactorResponse, ...] = ()


def measure_interventions(
    embeddings: ArrayLike,
    scenes: LabelColumn,
    variants: LabelColumn,
    cars: LabelColumn,
    *,
    group: str,
    swept: Mapping[str, Property] | None = None,
    seed: int = 0,
    intervals: bool = True,
) -> Interventions:
    """Measure how far embeddings move when only the swept group changes, and towards what.

    Args:
        embeddings: [N, D] floats.
        scenes, variants: [N] which scene in which variant an image shows.
        cars: [N] model of the car.
        group: name of the swept group of factors.
        swept: the factors of that group by name, for response curves; the images of a variant have
            the same value, or none.
        seed: seed of the jackknife groups (of whole scenes) and of a subset of scenes.
        intervals: whether to compute `ci95` (20 scenes or more).

    Returns:
        The scores; where there is no pair of a kind, the value is None and `reason` says why.

    Raises:
        InputError: embeddings or columns are not valid.

    >>> still = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> columns = [0, 0, 1, 1], [0, 1, 0, 1], ["a", "a", "b", "b"]
    >>> scores = measure_interventions(still, *columns, group="color")
    >>> scores.sensitivity.value, scores.retrieval_under_intervention.value
    (0.0, 1.0)
    """
    array = check_embeddings(embeddings)
    groups = drop_groups(len(array), scenes, seed) if intervals else None
    images = SweptImages(
        scene=_codes(scenes, len(array), "scenes"),
        variant=_codes(variants, len(array), "variants"),
        car=_codes(cars, len(array), "cars"),
        group=groups,
    )
    points = prepare_points(array, normalize=True)
    pairs = _within_scenes(points, images)
    moved = pairs[2]
    apart, apart_groups = _between_cars(points, images, seed)
    between_cars = _median_distances(apart, apart_groups, groups)
    retrieval, expected = _retrieval(points, images)
    return Interventions(
        group=group,
        scenes=int(images.scene.max()) + 1,
        variants=int(images.variant.max()) + 1,
        reason=_reason(images, moved, apart),
        moved=_median(moved),
        between_cars=_median(apart),
        sensitivity=_sensitivity(images, pairs, between_cars),
        retrieval_under_intervention=retrieval,
        retrieval_expected=expected,
        response=tuple(measure_responses(points, images, swept, pairs, between_cars))
        if swept and between_cars[0] > 0 and len(moved)
        else (),
    )


def score_interventions(
    embeddings: ArrayLike,
    scenes: LabelColumn,
    variants: LabelColumn,
    cars: LabelColumn,
    *,
    swept: Mapping[str, Property] | None = None,
    seed: int = 0,
    intervals: bool = True,
) -> dict[str, Any]:
    """Return the fields of `measure_interventions`, except the group, as plain Python values.

    Raises:
        InputError: embeddings or columns are not valid.

    >>> still = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> scores = score_interventions(still, [0, 0, 1, 1], [0, 1, 0, 1], ["a", "a", "b", "b"])
    >>> scores["sensitivity"]["value"], scores["retrieval_under_intervention"]["value"]
    (0.0, 1.0)
    """
    columns = embeddings, scenes, variants, cars
    interventions = measure_interventions(
        *columns, group="", swept=swept, seed=seed, intervals=intervals
    )
    return interventions.model_dump(mode="json", exclude={"group"})


def _codes(column: LabelColumn, images: int, name: str) -> Ints:
    coded = encode_labels(column, images, name)
    if coded.missing:
        raise InputError(f"{name}: {coded.missing} of {images} images have none; valid: all have")
    return coded.codes


def _reason(images: SweptImages, moved: Distances, apart: Distances) -> str | None:
    if len(moved) == 0:
        return "every scene is there in one variant only"
    if len(apart) == 0:
        single = images.car.max() == 0
        return "one car model only" if single else "the swept group changes the car model itself"
    if _median(apart) == 0:
        return "different cars in one variant have the same embedding: no distance to compare with"
    return None


def _within_scenes(points: Points, images: SweptImages) -> tuple[Ints, Ints, Distances]:
    """Pairs of images of one scene: first and second image, and their distance."""
    order = np.argsort(images.scene, kind="stable")
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for rows in np.split(order, np.flatnonzero(np.diff(images.scene[order])) + 1):
        first, second = np.triu_indices(len(rows), 1)
        firsts.append(rows[first])
        seconds.append(rows[second])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    distances = [np.zeros(0)]
    for pairs in query_blocks(np.arange(len(first)), points.x.shape[1], BLOCK_ELEMENTS):
        difference = points.x[first[pairs]] - points.x[second[pairs]]
        distances.append(points.unit * np.linalg.norm(difference, axis=1))
    return first, second, np.concatenate(distances)


def _between_cars(points: Points, images: SweptImages, seed: int) -> tuple[Distances, Ints]:
    """Distances between images of different cars in the same variant, and their groups [P, 2]."""
    scenes = generator(seed, "scenes").permutation(int(images.scene.max()) + 1)[:MAX_SCENES]
    chosen = np.isin(images.scene, scenes)
    distances, groups = [np.zeros(0)], [np.zeros((0, 2), np.int64)]
    for variant in range(int(images.variant.max()) + 1):
        rows = np.flatnonzero(chosen & (images.variant == variant))
        squared = np.maximum(points.squared_distances(rows)[:, rows], 0.0)
        first, second = np.nonzero(np.triu(images.car[rows][:, None] != images.car[rows]))
        distances.append(points.unit * np.sqrt(squared[first, second]))
        group = np.zeros(len(rows), np.int64) if images.group is None else images.group[rows]
        groups.append(np.stack([group[first], group[second]], axis=1))
    return np.concatenate(distances), np.concatenate(groups)


def _median_distances(apart: Distances, apart_groups: Ints, groups: Ints | None) -> Distances:
    """Return the median of all distances, and without each group: [1 + G]; NaN for none."""
    left = [] if groups is None else [(apart_groups != g).all(axis=1) for g in range(GROUPS)]
    medians = [_median(apart), *(_median(apart[staying]) for staying in left)]
    return np.array([np.nan if median is None else median for median in medians])


def _sensitivity(
    images: SweptImages, pairs: tuple[Ints, Ints, Distances], between_cars: Distances
) -> Score:
    """Return the ratio of medians; its interval is that of its logarithm, where it has one."""
    first, _, moved = pairs
    groups = None if images.group is None else images.group[first]
    medians = _median_distances(
        moved, first[:, None] if groups is None else groups[:, None], groups
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(between_cars > 0, medians / between_cars, np.nan)
    value = float(ratios[0])
    if np.isnan(value):
        return ABSENT
    if groups is None:
        return ABSENT.model_copy(update={"value": value})
    with np.errstate(divide="ignore"):
        interval = jackknife_interval(float(np.log(value)), np.log(ratios[1:]))
    if interval is None:
        return ABSENT.model_copy(update={"value": value})
    low, high = np.exp(interval).tolist()
    return Score(value=value, ci95=(low, high), chance=None, replicates=tuple(ratios[1:].tolist()))


def _median(distances: Distances) -> float | None:
    return float(np.median(distances)) if len(distances) else None


def _retrieval(points: Points, images: SweptImages) -> tuple[Score, float | None]:
    """Return `retrieval_under_intervention`, and that share for random embeddings."""
    group = np.zeros(len(points), np.int64) if images.group is None else images.group
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    cars, settings = (np.empty((len(points), len(starts))) for _ in range(2))
    expected = np.empty(len(points))
    for rows in query_blocks(np.arange(len(points)), len(points), BLOCK_ELEMENTS):
        squared = points.squared_distances(rows)[:, order]
        same_car = images.car[rows][:, None] == images.car[order]
        same_setting = images.variant[rows][:, None] == images.variant[order]
        by_car, by_setting = same_car & ~same_setting, same_setting & ~same_car
        for nearest, among in ((cars, by_car), (settings, by_setting)):
            distances = np.where(among, squared, np.inf)
            nearest[rows] = np.minimum.reduceat(distances, starts, axis=1)
        counts = by_car.sum(axis=1), by_setting.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            both = (counts[0] > 0) & (counts[1] > 0)
            expected[rows] = np.where(both, counts[0] / sum(counts), np.nan)

    def share(columns: NDArray[np.bool_], rows: NDArray[np.bool_]) -> float:
        """Of the queries in `rows` [N], among the neighbors in the groups of `columns`."""
        car, setting = cars[rows][:, columns].min(axis=1), settings[rows][:, columns].min(axis=1)
        both = np.isfinite(car) & np.isfinite(setting)
        if not both.any():
            return float("nan")
        difference = setting[both] - car[both]
        tied = np.abs(difference) <= points.tolerance
        return float(np.where(tied, 0.5, difference > 0).mean())

    value = share(np.ones(len(starts), bool), np.ones(len(points), bool))
    of_both, of_queries = np.zeros(0), np.zeros(0)
    if images.group is not None:
        columns, left = np.arange(GROUPS), [images.group != g for g in range(GROUPS)]
        of_both = np.array([share(columns != g, left[g]) for g in range(GROUPS)])
        of_queries = np.array([share(columns >= 0, left[g]) for g in range(GROUPS)])
    known = np.isfinite(expected)
    score = make_score(
        "retrieval_under_intervention",
        value,
        proportion_replicates(of_both, of_queries),
        sample=Sample(int(known.sum()), len(np.unique(images.scene[known]))),
    )
    return score, float(expected[known].mean()) if known.any() else None
