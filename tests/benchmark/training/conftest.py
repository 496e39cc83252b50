"""Coloured shapes on noise, in as many classes as pairs of a shape and a colour."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

SIDE = 40
COLOURS = ((200, 60, 60), (60, 180, 60), (70, 70, 210), (190, 180, 50))
TINY = "timm:test_resnet?pretrained=false"


def class_names(classes: int) -> list[str]:
    """Names whose first half and second half both have every shape and every colour."""
    pairs = [(shape, colour) for shape in range(4) for colour in range(4)]
    pairs.sort(key=lambda pair: sum(pair) % 2)
    return [f"class {shape}{colour} {number}" for number, (shape, colour) in enumerate(pairs)][
        :classes
    ]


def picture(shape: int, colour: int, number: int) -> Image.Image:
    """Somewhere on noise of its own."""
    rng = np.random.default_rng((shape, colour, number))
    image = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    left, top, size = (int(part) for part in rng.integers((4, 4, 18), (14, 14, 24)))
    box = (left, top, left + size, top + size)
    draw = ImageDraw.Draw(image)
    tone = tuple(int(part) for part in np.clip(COLOURS[colour] + rng.normal(0, 20, 3), 0, 255))
    if shape == 0:
        draw.ellipse(box, fill=tone)
    elif shape == 1:
        draw.rectangle(box, fill=tone)
    elif shape == 2:
        draw.polygon([(left, top + size), (left + size, top + size), (left + size // 2, top)], tone)
    else:
        draw.line(box, tone, 6)
    return image


def write_toys(folder: Path, classes: int = 16, each: int = 6) -> Path:
    """A folder of images with labels.csv; the classes in `class`."""
    folder.mkdir(parents=True)
    rows = []
    for place, name in enumerate(class_names(classes)):
        shape, colour = (int(digit) for digit in name.split()[1])
        for number in range(each):
            file = f"{place:02d}-{number}.png"
            picture(shape, colour, number).save(folder / file)
            rows.append((file, f"{place:02d} {name}"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "class"), *rows])
    return folder


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 classes of 6 images; tests only read it."""
    return write_toys(tmp_path_factory.mktemp("toys") / "images")


@pytest.fixture(scope="session")
def make_toys() -> Callable[..., Path]:
    """See `write_toys`."""
    return write_toys


@pytest.fixture
def settings(toys: Path, tmp_path: Path) -> Callable[..., Any]:
    """Settings of a training of seconds, with changes."""
    from dmlbench.distances import LOSSES
    from dmlbench.training import TrainSettings

    def make(loss: str, **changes: Any) -> Any:
        batch = 16 if LOSSES[loss].group == "ranking" else 8
        small = {"trunk": TINY, "size": 32, "folds": 2, "epochs": 2, "steps": 10, "batch": batch}
        given = {"data": str(toys), "out": tmp_path / "models", "devices": "cpu", "workers": 0}
        return TrainSettings(loss=loss, **(given | small | changes))

    return make
