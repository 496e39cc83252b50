"""Both steps of the protocol for one model on one dataset.

`evaluate` is imported at first use: scoring files of embeddings (`score_files`) needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports

if TYPE_CHECKING:
    from dmlbench.evaluation.model_evaluation import evaluate

__all__ = ["evaluate"]

__getattr__, __dir__ = lazy_exports(__name__, {"evaluate": "dmlbench.evaluation.model_evaluation"})
