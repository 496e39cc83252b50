"""What a program or a notebook calls; results show themselves."""

from dmlbench.api.compared import ComparedEvaluations, compare
from dmlbench.api.evaluated import Evaluation
from dmlbench.api.evaluation import evaluate
from dmlbench.api.scored import ScoredEmbeddings, score

__all__ = ["ComparedEvaluations", "Evaluation", "ScoredEmbeddings", "compare", "evaluate", "score"]
