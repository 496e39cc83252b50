"""AMI and NMI of many properties: one clustering for all that have as many labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores.clustering import MOST_IMAGES, NAMES, Clustering, agreement, cluster
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.labels import Labels
from dmlbench.scores.options import Options, entry
from dmlbench.scores.uncertainty import generator, permuted_codes


def cluster_scores(
    embeddings: Floats, labels: Mapping[str, Labels], options: Options
) -> dict[str, dict[str, Any]]:
    """By property, the entries of `ami` and `nmi`.

    Normalised embeddings of the images whose label occurs at least twice (a seeded 10,000 of
    more) are clustered into as many clusters as these images have labels.
    """
    step = options.stage("clusters", len(labels))
    seed = int(generator(options.seed, "k-means").integers(2**31))
    known: dict[tuple[int, bytes], Clustering] = {}
    result = {}
    for name, one in labels.items():
        usable = np.flatnonzero(one.sizes[one.codes] >= 2)
        chosen = options.choose(usable, MOST_IMAGES, "clusters")
        rows, (found, codes) = (
            one.rows[chosen],
            np.unique(one.codes[chosen], return_inverse=True),
        )
        if len(found) < 2:
            nothing = np.zeros(0)
            result[name] = {score: entry(score, float("nan"), nothing, nothing) for score in NAMES}
        else:
            key = (len(found), rows.tobytes())
            if key not in known:
                x = unit_rows(embeddings[rows]).astype(np.float32)
                known[key] = cluster(x, len(found), seed, options.groups_of(rows))
            rng = generator(options.seed, "chance of clusters", name)
            scenes = options.scenes_of(rows)
            permuted = permuted_codes(codes, options.permutations, rng, scenes)
            agreed = agreement(codes, known[key], permuted)
            result[name] = {
                score: entry(
                    score, agreed.values[score], agreed.replicates[score], agreed.permuted[score]
                )
                for score in NAMES
            }
        step(1)
    return result
