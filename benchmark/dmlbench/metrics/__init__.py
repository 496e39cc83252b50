"""The project's exact scores as metrics of torchmetrics and of pytorch-metric-learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports

if TYPE_CHECKING:
    from dmlbench.metrics.accuracy_calculator import PropertyAccuracyCalculator
    from dmlbench.metrics.torch_metrics import ARP, NRPrecision

__all__ = ["ARP", "NRPrecision", "PropertyAccuracyCalculator"]

# Neither library is needed for the other's metrics.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ARP": "dmlbench.metrics.torch_metrics",
        "NRPrecision": "dmlbench.metrics.torch_metrics",
        "PropertyAccuracyCalculator": "dmlbench.metrics.accuracy_calculator",
    },
)
