"""Run both steps of the protocol for one model on one dataset."""

from dmlbench.evaluate.evaluation import evaluate

__all__ = ["evaluate"]
