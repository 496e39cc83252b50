"""A study of seconds: trained on toys, measured on shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

TRAINING = {
    "trunk": "timm:test_resnet?pretrained=false",
    "folds": 2,
    "size": 32,
    "batch": 4,
    "images_per_class": 2,
    "epochs": 1,
    "steps": 3,
    "devices": "cpu",
    "workers": 0,
}


@pytest.fixture(scope="session")
def make_recipe(shapes: Path, toys: Path) -> Callable[..., Path]:
    """Write a recipe into a folder: `make_recipe(folder, folds=[0])`; None removes a field."""

    def make(folder: Path, **changes: Any) -> Path:
        data = str(shapes)
        recipe = {
            "name": "shapes",
            "title": "Shapes",
            "description": "Of seconds.",
            "losses": ["arcface", "contrastive"],
            "controls": ["none"],
            "folds": [0, 1],
            "training": {"data": str(toys), **TRAINING},
            "classes": {"data": data, "split": "test"},
            "properties": {"data": data},
            "saliency": {"data": data, "images": {0: 4, 1: 3}, "samples": 3},
        }
        given = {name: value for name, value in (recipe | changes).items() if value is not None}
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(given))
        return path

    return make
