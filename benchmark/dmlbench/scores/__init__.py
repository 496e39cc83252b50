"""How strongly embeddings cluster by the properties of the images (protocol section 3).

`score_properties` scores many properties of one set of embeddings, with intervals; `single` holds
each score as a function. `registry` declares the scores: names, units, ranges and digits. `score`
is the typed result. Each kind of score has a file: `retrieval` (neighbors), `clustering`, `order`,
`probe`, `within_class`, `verification` (pairs), `geometry` and `interventions`. `similarity`
compares two embeddings. Ties among neighbors: `_kernels/distances.py` has the tolerance,
`_kernels/neighbor_counts.py` and `_kernels/neighbor_ranks.py` the rule.
"""

from dmlbench.scores.geometry import effective_rank, hubness, uniformity
from dmlbench.scores.interventions import score_interventions
from dmlbench.scores.labels import Property
from dmlbench.scores.score_properties import score_properties
from dmlbench.scores.similarity import cka, procrustes, rsa
from dmlbench.scores.single import (
    ami,
    arp,
    distance_spearman,
    map_at_r,
    nmi,
    nr_precision,
    nr_precision_paper,
    precision_at_1,
    r_precision,
)
from dmlbench.scores.verification import alignment, eer, opis, roc_auc, tpr_at_fpr

__all__ = [
    "Property",
    "alignment",
    "ami",
    "arp",
    "cka",
    "distance_spearman",
    "eer",
    "effective_rank",
    "hubness",
    "map_at_r",
    "nmi",
    "nr_precision",
    "nr_precision_paper",
    "opis",
    "precision_at_1",
    "procrustes",
    "r_precision",
    "roc_auc",
    "rsa",
    "score_interventions",
    "score_properties",
    "tpr_at_fpr",
    "uniformity",
]
