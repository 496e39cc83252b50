"""Both steps of the protocol for one model on one dataset.

`evaluate` is imported at first use: scoring files of embeddings (`score_files`) needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmlbench.evaluate.evaluation import evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    if name == "evaluate":
        from dmlbench.evaluate.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'dmlbench.evaluate' has no attribute '{name}'")
