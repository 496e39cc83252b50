"""What tables of a study share: the columns that name a loss, and the words for its folds."""

from __future__ import annotations

from dmlbench.losses import loss_named
from dmlbench.present.table import names
from dmlbench.study.findings import Findings

NAMES = names("loss", "group")


def names_of(loss: str) -> tuple[str, str]:
    """Return the cells of `NAMES`: title and group of a loss."""
    return loss_named(loss).title, loss_named(loss).group


def folds_words(findings: Findings, what: str = "Mean") -> str:
    """Describe what numbers are taken over."""
    folds = len(findings.recipe.folds)
    return f"{what} over {folds} folds" if folds > 1 else "One fold"
