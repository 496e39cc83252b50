"""Compute saliency maps of embeddings from a model; `dmlbench.maps` compares them."""

from dmlbench.saliency.compute import (
    ExplainedImages,
    MapSettings,
    explain_images,
    saliency_maps,
)
from dmlbench.saliency.faithfulness import deletion, insertion
from dmlbench.saliency.map_input import resolve_precision
from dmlbench.saliency.methods import (
    METHODS,
    grad_cam,
    gradient,
    integrated_gradients,
    method_id,
    method_named,
    occlusion,
    run_method,
    smoothgrad,
    smoothgrad_paper,
    takes,
)
from dmlbench.saliency.pairs import ExplainedPair, explain_pair, pair_saliency
from dmlbench.saliency.randomization import (
    RandomizedMaps,
    Stage,
    randomization_stages,
    randomized_copies,
    randomized_maps,
)
from dmlbench.saliency.reference import black_image, black_reference

__all__ = [
    "METHODS",
    "ExplainedImages",
    "ExplainedPair",
    "MapSettings",
    "RandomizedMaps",
    "Stage",
    "black_image",
    "black_reference",
    "deletion",
    "explain_images",
    "explain_pair",
    "grad_cam",
    "gradient",
    "insertion",
    "integrated_gradients",
    "method_id",
    "method_named",
    "occlusion",
    "pair_saliency",
    "randomization_stages",
    "randomized_copies",
    "randomized_maps",
    "resolve_precision",
    "run_method",
    "saliency_maps",
    "smoothgrad",
    "smoothgrad_paper",
    "takes",
]
