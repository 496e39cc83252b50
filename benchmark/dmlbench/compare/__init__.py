"""Compare models on one dataset, from their results folders alone."""

from dmlbench.compare.comparison import Comparison, Pair
from dmlbench.compare.groups import Groups, read_groups
from dmlbench.compare.models import compare_results

__all__ = ["Comparison", "Groups", "Pair", "compare_results", "read_groups"]
