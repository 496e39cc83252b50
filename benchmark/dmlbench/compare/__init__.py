"""Models side by side on one dataset, from their results folders alone."""

from dmlbench.compare.comparison import Comparison, Pair
from dmlbench.compare.models import compare_results

__all__ = ["Comparison", "Pair", "compare_results"]
