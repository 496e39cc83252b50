"""Compute saliency maps of embeddings from a model; `dmlbench.maps` compares them."""

from dmlbench.saliency.explain import METHODS, NOISY, explain, method_named, saliency_maps
from dmlbench.saliency.map_input import MapInput, check_precision
from dmlbench.saliency.reference import black_image, black_reference

__all__ = [
    "METHODS",
    "NOISY",
    "MapInput",
    "black_image",
    "black_reference",
    "check_precision",
    "explain",
    "method_named",
    "saliency_maps",
]
