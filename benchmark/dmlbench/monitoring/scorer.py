"""Property scores of the same images again and again: labels are encoded once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.evaluation.dataset_input import dataset_properties, scene_ids
from dmlbench.results.files import CLASSES
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.labels import Labels, encode_labels
from dmlbench.scores.options import Options, default_queries
from dmlbench.scores.retrieval import KEYS, neighbor_scores
from dmlbench.sources import ImageSource
from dmldata.common.arrays import Ints
from dmldata.common.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class RequestedScores:
    """What a monitor measures; names are checked by `make_scorer`.

    Attributes:
        scores: of each property.
        properties: their names; None for all that vary.
        class_scores: of the class.
        class_property: name of the class; None for `car_model` or `class`, where they vary.
    """

    scores: Sequence[str]
    properties: Sequence[str] | None
    class_scores: Sequence[str]
    class_property: str | None


@dataclass(frozen=True)
class PropertyScorer:
    """Scores embeddings of N images by their properties, without intervals.

    Attributes:
        labels: by property.
        requested: by property, the scores of it.
    """

    labels: Mapping[str, Labels]
    requested: Mapping[str, Sequence[str]]
    options: Options

    @property
    def names(self) -> list[str]:
        """Names of the scores, such as `nr_precision/paint_hue`."""
        return [f"{score}/{name}" for name, scores in self.requested.items() for score in scores]

    def score(self, embeddings: NDArray[np.float32]) -> dict[str, float]:
        """Return the scores of embeddings [N, D] by name; NaN for one that does not exist.

        Raises:
            InputError: an embedding has no direction.
        """
        scored = neighbor_scores(check_embeddings(embeddings), self.labels, self.options)
        values = {
            f"{score}/{name}": scored[name][score].value
            for name, scores in self.requested.items()
            for score in scores
        }
        return {name: math.nan if value is None else value for name, value in values.items()}


def make_scorer(source: ImageSource, rows: Ints, requested: RequestedScores) -> PropertyScorer:
    """Return the scorer of some images of a source.

    A property without a score among these images is left out, unless it is named.

    Args:
        rows: [N] rows of the images in the source.

    Raises:
        UnknownNameError: there is no such score or property.
        InputError: there is nothing to score.
    """
    for score in (*requested.scores, *requested.class_scores):
        if score not in KEYS:
            raise UnknownNameError("score", score, KEYS)
    scores_by_property = _by_property(source, requested)
    scenes = scene_ids(source)
    codes = None if scenes is None else encode_labels(scenes, len(scenes), "scenes").codes[rows]
    properties = dataset_properties(source, tuple(scores_by_property))
    labels = {
        name: encode_labels(np.asarray(prop.labels)[rows], len(rows), f"property '{name}'", codes)
        for name, prop in properties.items()
    }
    named = {*(requested.properties or ()), requested.class_property}
    for name, coded in labels.items():
        if name in named and coded.reason is not None:
            raise InputError(
                f"{source.url}: property '{name}' among {len(rows)} images: {coded.reason}"
            )
    labels = {name: coded for name, coded in labels.items() if coded.reason is None}
    if not labels:
        raise InputError(
            f"{source.url}: no property can be scored among {len(rows)} images; valid: images "
            "with properties of at least two labels each"
        )
    options = Options(
        seed=0,
        groups=None,
        permutations=0,
        max_queries=default_queries(len(rows)),
        threads=None,
        progress=None,
        scenes=codes,
    )
    return PropertyScorer(labels, {name: scores_by_property[name] for name in labels}, options)


def _by_property(source: ImageSource, requested: RequestedScores) -> dict[str, tuple[str, ...]]:
    varied = source.manifest.varied
    by_property = {
        name: tuple(requested.scores)
        for name in (varied if requested.properties is None else requested.properties)
    }
    usual = next((name for name in CLASSES if name in varied), None)
    name = requested.class_property or usual
    if name is not None and requested.class_scores:
        both = (*by_property.get(name, ()), *requested.class_scores)
        by_property[name] = tuple(dict.fromkeys(both))
    return by_property
