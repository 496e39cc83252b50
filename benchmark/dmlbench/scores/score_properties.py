"""All scores of all properties of one set of embeddings (protocol section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores import clustering, order, probe, verification
from dmlbench.scores._kernels.distances import TIE_TOLERANCE
from dmlbench.scores._kernels.formulas import PAPER_CAP
from dmlbench.scores.clustering import cluster_scores
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.geometry import MAX_IMAGES, RANK, embedding_notes, measure_geometry
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import (
    LabelColumn,
    Labels,
    Property,
    check_kind,
    encode_labels,
    property_values,
    scenes_that_differ,
)
from dmlbench.scores.options import Options, ScoreSettings, default_queries
from dmlbench.scores.order import order_scores
from dmlbench.scores.probe import decodability_scores
from dmlbench.scores.registry import WITHIN_CLASS, scores_of
from dmlbench.scores.retrieval import KEYS, neighbor_scores, queries_of
from dmlbench.scores.score import ABSENT, PropertyScores, ScoredProperties, Scores
from dmlbench.scores.uncertainty import MIN_EXCHANGES, PERMUTATIONS, drop_groups, exchanges
from dmlbench.scores.verification import verification_scores
from dmlbench.scores.within_class import within_class_scores
from dmldata.common.arrays import Floats, Ints
from dmldata.common.errors import UnknownNameError
from dmldata.common.progress import Progress


def score_properties(
    embeddings: ArrayLike,
    properties: Mapping[str, Property],
    *,
    scenes: LabelColumn | None = None,
    held: str | None = None,
    seed: int = 0,
    intervals: bool = True,
    chance: bool = True,
    permutations: int = PERMUTATIONS,
    max_queries: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score how strongly embeddings cluster by each property (protocol section 3).

    Args:
        embeddings: [N, D] floats, as the model gives them.
        properties: by name, labels of the N images.
        scenes: [N] scene of each image, where several images show one scene: the jackknife drops
            whole scenes, labels are permuted among scenes or within them, neighbors of the query's
            own scene are left out for labels that belong to scenes, and probes are judged on scenes
            that they have not seen.
        held: the property that is the class, such as 'car_model': the others are also scored among
            the images of one class, as `arp_within_class`.
        seed: seed of all random choices.
        intervals: whether to compute `ci95`.
        chance: whether to compute `chance`.
        permutations: number of permutations of the labels, at least 199.
        max_queries: where there are more images, a seeded subset of this many are queries: for
            everything with `intervals` or `chance`, for MAP@R alone without. All images remain
            neighbors. `settings` in the result gives the numbers; None for
            `options.default_queries`.
        threads: number of threads; None for one per core.
        device: without `intervals` and `chance`, a device of PyTorch such as "cuda" counts the hits
            of more images than `max_queries`; all else is the processor's.
        progress: called with (stage, done, total) while working.

    Returns:
        `{"n", "dimensions", "properties": {name: {"n", "labels", "left_out", "reason", score:
        {"value", "ci95", "chance", "replicates"}, ...}}, "settings", "notes", "geometry"}`, all
        plain Python values. A score that does not exist has the value None, and `reason` says why.

    Raises:
        InputError: embeddings, labels or a setting are not valid; the message names the place.

    Examples:
        >>> one_hot = np.repeat(np.eye(3), 10, axis=0)
        >>> result = score_properties(one_hot, {"shape": Property(np.repeat([0, 1, 2], 10))})
        >>> round(result["properties"]["shape"]["arp"]["value"], 6)
        1.0
    """
    settings = ScoreSettings(
        seed, intervals, chance, permutations, max_queries, threads, progress, device
    )
    scored = measure_properties(embeddings, properties, settings, scenes=scenes, held=held)
    return scored.model_dump(mode="json")


def measure_properties(
    embeddings: ArrayLike,
    properties: Mapping[str, Property],
    settings: ScoreSettings,
    *,
    scenes: LabelColumn | None = None,
    held: str | None = None,
) -> ScoredProperties:
    """Score embeddings by each property, as `score_properties`, into a typed result.

    Raises:
        InputError: embeddings, labels or a setting are not valid; the message names the place.
    """
    if held is not None and held not in properties:
        raise UnknownNameError("held property", held, properties)
    array, labels, values, options = _prepare(embeddings, properties, settings, scenes)
    images = len(array)
    scored = {name: coded for name, coded in labels.items() if coded.reason is None}
    collapsed = bool((array == array[0]).all())
    scores: dict[str, Scores] = {name: {} for name in scored}
    pairs = verification_scores(array, scored, options)
    for scores_by_property in (
        neighbor_scores(array, scored, options),
        cluster_scores(array, scored, options),
        order_scores(array, scored, values, properties, options),
        decodability_scores(array, scored, values, properties, options),
        pairs.scores,
        within_class_scores(array, scored, held, options) if held in scored else {},
    ):
        for name, scores_of_property in scores_by_property.items():
            scores[name] |= scores_of_property
    geometry = measure_geometry(array, options)
    rank = geometry.scores[RANK].value
    assert rank is not None
    return ScoredProperties(
        n=images,
        dimensions=array.shape[1],
        properties={
            name: _describe(
                coded,
                scores.get(name),
                properties[name],
                within_class=held not in (None, name),
                collapsed=collapsed,
            )
            for name, coded in labels.items()
        },
        settings=_applied_settings(array, scored, options, held)
        | {"pairs": {name: counts.model_dump() for name, counts in pairs.pairs.items()}},
        geometry=geometry,
        notes=(
            *embedding_notes(
                array[options.choose_images(np.arange(images), MAX_IMAGES, "shape")], rank
            ),
            *_label_notes(labels, options),
        ),
    )


def _label_notes(labels: Mapping[str, Labels], options: Options) -> Iterator[str]:
    """Yield notes on labels that scenes keep from changing places, or that are not quite theirs."""
    for name, coded in labels.items():
        scenes = options.scenes_of(coded.rows)
        if scenes is None or coded.reason is not None:
            continue
        if options.permutations and exchanges(coded.codes, scenes) < MIN_EXCHANGES:
            yield (
                f"property '{name}' can't be told from chance: too few scenes of the same number "
                "of images have different labels to change places"
            )
        if count := scenes_that_differ(coded.codes, scenes):
            yield (
                f"property '{name}' has one label in most scenes but differs within {count}: so "
                "images of one scene count as neighbors, and chance deals labels within scenes; if "
                "these are mistakes, mend them"
            )


def measure_neighbors(
    embeddings: ArrayLike,
    properties: Mapping[str, Property],
    settings: ScoreSettings,
    *,
    scenes: LabelColumn | None = None,
) -> dict[str, PropertyScores]:
    """Score embeddings by the neighbors of each image alone, as `measure_properties` does.

    Returns:
        By property, the scores of `dmlbench.scores.retrieval.KEYS`.

    Raises:
        InputError: embeddings, labels or a setting are not valid; the message names the place.
    """
    array, labels, _, options = _prepare(embeddings, properties, settings, scenes)
    scored = {name: coded for name, coded in labels.items() if coded.reason is None}
    scores = neighbor_scores(array, scored, options)
    return {
        name: _with_facts(coded, coded.reason, dict.fromkeys(KEYS, ABSENT) | scores.get(name, {}))
        for name, coded in labels.items()
    }


def _prepare(
    embeddings: ArrayLike,
    properties: Mapping[str, Property],
    settings: ScoreSettings,
    scenes: LabelColumn | None,
) -> tuple[Floats, dict[str, Labels], dict[str, NDArray[np.float64]], Options]:
    """Check the input; return embeddings, labels and values by property, and the options."""
    array = check_embeddings(embeddings)
    images = len(array)
    settings.check()
    groups = drop_groups(images, scenes, settings.seed)
    scene_codes = None if scenes is None else encode_labels(scenes, images, "scenes").codes
    labels, values = _encode(properties, images, scene_codes)
    options = Options(
        seed=settings.seed,
        groups=groups if settings.intervals else None,
        permutations=settings.permutations if settings.chance else 0,
        max_queries=settings.max_queries or default_queries(images),
        threads=settings.threads,
        progress=settings.progress,
        scenes=scene_codes,
        device=settings.device,
    )
    return array, labels, values, options


def _applied_settings(
    array: Floats, scored: Mapping[str, Labels], options: Options, held: str | None
) -> dict[str, object]:
    """Return how the scores were computed, as result files say it."""
    return {
        "seed": int(options.seed),
        "dtype": array.dtype.name,
        "tie_tolerance": TIE_TOLERANCE[array.dtype.name],
        "paper_rank_cap": PAPER_CAP,
        "jackknife_groups": None if options.groups is None else GROUPS,
        "jackknife_unit": "image" if options.scenes is None else "scene",
        "permutations": options.permutations,
        "max_queries": int(options.max_queries),
        "queries": {name: queries_of(coded, options) for name, coded in scored.items()},
        "max_cluster_images": clustering.MAX_IMAGES,
        "max_cluster_labels": clustering.MAX_LABELS,
        "max_spearman_images": order.MAX_IMAGES,
        "max_probe_images": probe.MAX_IMAGES,
        "max_pair_images": verification.MAX_IMAGES,
        "held": held,
    }


def _encode(
    properties: Mapping[str, Property], images: int, scenes: Ints | None
) -> tuple[dict[str, Labels], dict[str, NDArray[np.float64]]]:
    labels, values = {}, {}
    for name, prop in properties.items():
        place = f"property '{name}'"
        check_kind(prop, place)
        labels[name] = encode_labels(prop.labels, images, place, scenes)
        if prop.kind != "categorical":
            values[name] = property_values(prop, images, place)
    return labels, values


def _describe(
    labels: Labels, scores: Scores | None, prop: Property, *, within_class: bool, collapsed: bool
) -> PropertyScores:
    """The scores of one property in the order of the registry; None where it has no score."""
    reason = labels.reason if scores is None else _why_absent(scores, collapsed=collapsed)
    described = {
        declaration.key: (scores or {}).get(declaration.key, ABSENT)
        for declaration in scores_of(prop.kind, within_class=within_class)
    }
    return _with_facts(labels, reason, described)


def _with_facts(labels: Labels, reason: str | None, scores: Scores) -> PropertyScores:
    """Return the scores of a property with the facts of its labels."""
    return PropertyScores(
        n=len(labels.rows),
        labels=len(labels.sizes),
        left_out={"no_label": labels.missing, "label_once": labels.once},
        reason=reason,
        **scores,
    )


def _why_absent(scores: Scores, *, collapsed: bool) -> str | None:
    if collapsed:
        return "all embeddings are equal"
    reasons = []
    if scores["ami"].value is None:
        reasons.append("nr_precision_paper, ami, nmi: only one label occurs more than once")
    elif scores["nr_precision_paper"].value is None:
        reasons.append("nr_precision_paper: only one label occurs in more than one scene")
    if scores["decodability"].value is None:
        reasons.append(f"decodability: {probe.WHY_ABSENT}")
    if "distance_spearman" in scores and scores["distance_spearman"].value is None:
        reasons.append("distance_spearman: all distances are equal, or fewer than 3 images")
    reasons += verification.why_absent(scores)
    if WITHIN_CLASS.key in scores and scores[WITHIN_CLASS.key].value is None:
        reasons.append(
            f"{WITHIN_CLASS.key}: in no class there are two images with one label and one with "
            "another"
        )
    return "; ".join(reasons) or None
