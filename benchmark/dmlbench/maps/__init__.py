"""Compare saliency maps between models and with part masks, without torch."""

from dmlbench.maps.attention import attention_on_car, mask_in_input
from dmlbench.maps.bounds import (
    agreement_with_bounds,
    derangement,
    floor_correlations,
    noise_ceiling,
    reliability,
)
from dmlbench.maps.compare import (
    compare_maps,
    compare_models,
    jensen_shannon,
    partial_ceiling,
    partial_correlation,
    pearson,
    summarize_correlations,
    summarize_divergences,
)
from dmlbench.maps.grid import common_grid
from dmlbench.maps.localization import changed_pixels, localization

__all__ = [
    "agreement_with_bounds",
    "attention_on_car",
    "changed_pixels",
    "common_grid",
    "compare_maps",
    "compare_models",
    "derangement",
    "floor_correlations",
    "jensen_shannon",
    "localization",
    "mask_in_input",
    "noise_ceiling",
    "partial_ceiling",
    "partial_correlation",
    "pearson",
    "reliability",
    "summarize_correlations",
    "summarize_divergences",
]
