"""All scores of all properties of one set of embeddings, as a result that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores import clustering, within_class
from dmlbench.scores import order as order_correlation
from dmlbench.scores import probe as decodability
from dmlbench.scores._kernels.distances import TIE_TOLERANCE
from dmlbench.scores._kernels.formulas import PAPER_CAP
from dmlbench.scores._kernels.parallel import Progress
from dmlbench.scores.cluster_scores import cluster_scores
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import Labels, Property, check_kind, encode_labels, property_values
from dmlbench.scores.options import ABSENT, Options, default_queries
from dmlbench.scores.order_scores import order_scores
from dmlbench.scores.probe import decodability_scores
from dmlbench.scores.retrieval import ORDER, neighbour_scores, queries_of
from dmlbench.scores.uncertainty import PERMUTATIONS, drop_groups
from dmlbench.scores.within_class import within_class_scores
from dmldata.common.errors import InputError, UnknownNameError


def score_properties(
    embeddings: Any,
    properties: Mapping[str, Property],
    *,
    scenes: Any = None,
    held: str | None = None,
    seed: int = 0,
    intervals: bool = True,
    chance: bool = True,
    permutations: int = PERMUTATIONS,
    max_queries: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How strongly embeddings cluster by each property (protocol section 3).

    Args:
        embeddings: [N, D] floats, as the model gives them.
        properties: by name, labels of the N images.
        scenes: [N] scene of each image, where several images show one scene: the jackknife drops
            whole scenes, labels are permuted among scenes or within them, and probes are judged on
            scenes that they have not seen.
        held: the property that is the class, such as 'car_model': the others are also scored among
            the images of one class, as `arp_within_class`.
        seed: of every random choice.
        intervals: whether to compute `ci95`.
        chance: whether to compute `chance`.
        permutations: of the labels, at least 199.
        max_queries: where there are more images, a seeded subset of this many are queries: for
            everything with `intervals` or `chance`, for MAP@R alone without. All images remain
            neighbours. `settings` in the result gives the numbers; None for
            `options.default_queries`.
        threads: None for one a core.
        progress: called with (stage, done, total) while working.

    Returns:
        `{"n", "dimensions", "properties": {name: {"n", "labels", "left_out", "reason", score:
        {"value", "ci95", "chance", "replicates"}, ...}}, "settings"}`, all plain Python values. A
        score that does not exist has the value None, and `reason` says why.

    Raises:
        InputError: embeddings, labels or a setting are not valid; the message names the place.

    Examples:
        >>> one_hot = np.repeat(np.eye(3), 10, axis=0)
        >>> result = score_properties(one_hot, {"shape": Property(np.repeat([0, 1, 2], 10))})
        >>> round(result["properties"]["shape"]["arp"]["value"], 6)
        1.0
    """
    array = check_embeddings(embeddings)
    images = len(array)
    max_queries = default_queries(images) if max_queries is None else max_queries
    _check_settings(permutations, max_queries, threads)
    labels, values = _encode(properties, images)
    if held is not None and held not in properties:
        raise UnknownNameError("held property", held, properties)
    groups = drop_groups(images, scenes, seed)
    options = Options(
        seed=seed,
        groups=groups if intervals else None,
        permutations=permutations if chance else 0,
        max_queries=max_queries,
        threads=threads,
        progress=progress,
        scenes=None if scenes is None else encode_labels(scenes, images, "scenes").codes,
    )
    scored = {name: one for name, one in labels.items() if one.reason is None}
    collapsed = bool((array == array[0]).all())
    near = neighbour_scores(array, scored, options)
    clusters = cluster_scores(array, scored, options)
    order = order_scores(array, scored, values, properties, options)
    probes = decodability_scores(array, scored, values, properties, options)
    within = within_class_scores(array, scored, held, options) if held in scored else {}
    kinds = (near, clusters, order, probes, within)
    entries = {
        name: {k: v for kind in kinds for k, v in kind.get(name, {}).items()} for name in scored
    }
    return {
        "n": images,
        "dimensions": array.shape[1],
        "properties": {
            name: _describe(
                one,
                entries.get(name),
                name in values,
                within=held not in (None, name),
                collapsed=collapsed,
            )
            for name, one in labels.items()
        },
        "settings": {
            "seed": int(seed),
            "dtype": array.dtype.name,
            "tie_tolerance": TIE_TOLERANCE[array.dtype.name],
            "paper_rank_cap": PAPER_CAP,
            "jackknife_groups": None if options.groups is None else GROUPS,
            "jackknife_unit": "image" if scenes is None else "scene",
            "permutations": options.permutations,
            "max_queries": int(max_queries),
            "queries": {name: queries_of(one, options) for name, one in scored.items()},
            "max_cluster_images": clustering.MOST_IMAGES,
            "max_spearman_images": order_correlation.MOST_IMAGES,
            "max_probe_images": decodability.MOST_IMAGES,
            "held": held,
        },
    }


def _check_settings(permutations: int, max_queries: int, threads: int | None) -> None:
    if permutations < PERMUTATIONS:
        raise InputError(f"permutations {permutations}; valid: at least {PERMUTATIONS}")
    if max_queries < 1:
        raise InputError(f"max_queries {max_queries}; valid: at least 1")
    if threads is not None and threads < 1:
        raise InputError(f"threads {threads}; valid: at least 1, or None for one a core")


def _encode(
    properties: Mapping[str, Property], images: int
) -> tuple[dict[str, Labels], dict[str, NDArray[np.float64]]]:
    labels, values = {}, {}
    for name, prop in properties.items():
        place = f"property '{name}'"
        check_kind(prop, place)
        labels[name] = encode_labels(prop.labels, images, place)
        if prop.kind != "categorical":
            values[name] = property_values(prop, images, place)
    return labels, values


def _describe(
    labels: Labels, scores: dict[str, Any] | None, ordered: bool, *, within: bool, collapsed: bool
) -> dict[str, Any]:
    names = [*ORDER, *clustering.NAMES, *(["distance_spearman"] if ordered else []), "decodability"]
    names += [within_class.SCORE] if within else []
    reason = labels.reason if scores is None else _why_absent(scores, collapsed=collapsed)
    return {
        "n": len(labels.rows),
        "labels": len(labels.sizes),
        "left_out": {"no_label": labels.missing, "label_once": labels.once},
        "reason": reason,
        **{name: (scores or {}).get(name, dict(ABSENT)) for name in names},
    }


def _why_absent(scores: dict[str, Any], *, collapsed: bool) -> str | None:
    if collapsed:
        return "all embeddings are equal"
    reasons = []
    if scores["ami"]["value"] is None:
        reasons.append("nr_precision_paper, ami, nmi: only one label occurs more than once")
    if scores["decodability"]["value"] is None:
        reasons.append("decodability: too many labels, or too few images or scenes")
    if scores.get("distance_spearman", {"value": 0.0})["value"] is None:
        reasons.append("distance_spearman: all distances are equal, or fewer than 3 images")
    return "; ".join(reasons) or None
