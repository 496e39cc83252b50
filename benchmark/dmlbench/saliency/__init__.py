"""Saliency maps of embeddings: made from a model, compared between models and with the mask."""

from dmlbench.saliency.attention import attention_on_car, mask_in_input
from dmlbench.saliency.bounds import (
    agreement_with_bounds,
    derangement,
    floor_correlations,
    noise_ceiling,
)
from dmlbench.saliency.compare import (
    compare_maps,
    compare_models,
    jensen_shannon,
    pearson,
    summarize_correlations,
    summarize_divergences,
)
from dmlbench.saliency.explain import METHODS, NOISY, explain, method_named, saliency_maps
from dmlbench.saliency.grid import common_grid
from dmlbench.saliency.map_input import MapInput, check_precision
from dmlbench.saliency.reference import black_image, black_reference

__all__ = [
    "METHODS",
    "NOISY",
    "MapInput",
    "agreement_with_bounds",
    "attention_on_car",
    "black_image",
    "black_reference",
    "check_precision",
    "common_grid",
    "compare_maps",
    "compare_models",
    "derangement",
    "explain",
    "floor_correlations",
    "jensen_shannon",
    "mask_in_input",
    "method_named",
    "noise_ceiling",
    "pearson",
    "saliency_maps",
    "summarize_correlations",
    "summarize_divergences",
]
