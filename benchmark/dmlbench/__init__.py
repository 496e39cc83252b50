"""From a model and a dataset to scores: what a deep metric learning model looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports
from dmldata.version import __version__

if TYPE_CHECKING:
    from dmlbench import maps, metrics, saliency, scores
    from dmlbench.api import compare, evaluate, score
    from dmlbench.comparison import compare_results
    from dmlbench.embedding import embed
    from dmlbench.models import load_model
    from dmlbench.monitoring import PropertyMonitor, PropertyMonitorCallback
    from dmlbench.results import find_results
    from dmlbench.scores import arp, nr_precision, score_properties

__all__ = [
    "PropertyMonitor",
    "PropertyMonitorCallback",
    "__version__",
    "arp",
    "compare",
    "compare_results",
    "embed",
    "evaluate",
    "find_results",
    "load_model",
    "maps",
    "metrics",
    "nr_precision",
    "saliency",
    "score",
    "score_properties",
    "scores",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "PropertyMonitor": "dmlbench.monitoring",
        "PropertyMonitorCallback": "dmlbench.monitoring",
        "arp": "dmlbench.scores",
        "compare": "dmlbench.api",
        "compare_results": "dmlbench.comparison",
        "embed": "dmlbench.embedding",
        "evaluate": "dmlbench.api",
        "find_results": "dmlbench.results",
        "load_model": "dmlbench.models",
        "maps": "dmlbench.maps",
        "metrics": "dmlbench.metrics",
        "nr_precision": "dmlbench.scores",
        "saliency": "dmlbench.saliency",
        "score": "dmlbench.api",
        "score_properties": "dmlbench.scores",
        "scores": "dmlbench.scores",
    },
)
