"""Compare models on one dataset, from their results folders alone."""

from dmlbench.comparison.comparison import Comparison, Pair
from dmlbench.comparison.groups import Groups, read_groups
from dmlbench.comparison.models import compare_results

__all__ = ["Comparison", "Groups", "Pair", "compare_results", "read_groups"]
