"""Settings of trainings of seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TINY = "timm:test_resnet?pretrained=false"


@pytest.fixture
def settings(toys: Path, tmp_path: Path) -> Callable[..., Any]:
    """Settings of a training of seconds, with changes."""
    from dmlbench.losses import loss_named
    from dmlbench.training import TrainSettings

    def make(loss: str, **changes: Any) -> Any:
        batch = 16 if loss_named(loss).group == "ranking" else 8
        small = {"trunk": TINY, "size": 32, "folds": 2, "epochs": 2, "steps": 10, "batch": batch}
        given = {"data": str(toys), "out": tmp_path / "models", "devices": "cpu", "workers": 0}
        return TrainSettings(loss=loss, **(given | small | changes))

    return make
