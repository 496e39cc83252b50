"""Colored shapes as data and as classes, tiny models and studies, and the command as typed."""

from __future__ import annotations

import colorsys
import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageDraw

from dmldata.contract.factors import Factor
from dmldata.writer import DatasetFacts, write_dataset

SIDE = 96
IMAGES = 24
TOY_SIDE = 40
COLORS = ((200, 60, 60), (60, 180, 60), (70, 70, 210), (190, 180, 50))

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
"""A training of a study of seconds."""

FACTORS = (
    Factor(
        key="car_model",
        group="model",
        kind="categorical",
        meaning="which shape",
        values=("disc", "box"),
    ),
    Factor(
        key="paint_hue",
        group="color",
        kind="cyclic",
        period=1.0,
        meaning="hue of the shape",
        values=(0.0, 0.25, 0.5, 0.75),
    ),
    Factor(
        key="background_value",
        group="background",
        kind="linear",
        meaning="brightness of the backdrop",
        values=(0.2, 0.5, 0.8),
    ),
    Factor(
        key="exposure",
        group="camera",
        kind="linear",
        unit="stops",
        meaning="exposure of the camera",
        values=(0.0,),
    ),
)


def shape_rows(images: int = IMAGES, *, scene_of: Callable[[int], int] = int) -> list[dict]:
    """Rows of a plan; the backdrop does not apply to the first four images."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(images):
        models, hues, values = (factor.values for factor in FACTORS[:3])
        rows.append(
            {
                "key": f"img{number:04d}",
                "split": "test" if number % 3 == 0 else "train",
                "scene_id": scene_of(number),
                "variant_id": number,
                "seed": number,
                "car_model": models[number % 2],
                "paint_hue": hues[int(rng.integers(4))],
                "background_value": values[int(rng.integers(3))] if number >= 4 else None,
                "exposure": 0.0,
                "camera_matrix": np.eye(4).ravel().tolist(),
            }
        )
    return rows


def draw(row: dict[str, Any]) -> dict[str, bytes]:
    """Picture and mask of a row: a disc or a box somewhere near the middle."""
    rng = np.random.default_rng(row["seed"])
    left, top = rng.integers(20, 40, 2).tolist()
    gray = int(255 * (row["background_value"] or 0.5))
    hue = colorsys.hsv_to_rgb(row["paint_hue"], 0.9, 0.9)
    image = Image.new("RGB", (SIDE, SIDE), (gray, gray, gray))
    mask = Image.new("L", (SIDE, SIDE))
    for canvas, color in ((image, tuple(int(255 * part) for part in hue)), (mask, 1)):
        shape = ImageDraw.Draw(canvas)
        place = (left, top, left + 36, top + 36)
        (shape.ellipse if row["car_model"] == "disc" else shape.rectangle)(place, fill=color)
    return {"png": _encoded(image), "mask.png": _encoded(mask)}


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_shapes(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """Write the dataset; any of its facts can be replaced."""
    rows = shape_rows() if rows is None else rows
    by_key = {row["key"]: row for row in rows}
    facts = DatasetFacts(
        name="shapes",
        version="1.0.0",
        license="CC0-1.0",
        credits=(),
        recipe={},
        seed=3,
        design="independent",
        factors=FACTORS,
        versions={},
        engine={},
    )
    sample_files = changes.pop("sample_files", lambda key: draw(by_key[key]))
    write_dataset(folder, replace(facts, **changes), rows, sample_files, images_per_shard=10)
    return folder


THREADS = torch.get_num_threads()


@pytest.fixture(autouse=True)
def same_threads() -> None:
    """A test, and a command in its process, begins with torch's own number of threads: whatever an
    earlier one has set decides the last digits of training."""
    torch.set_num_threads(THREADS)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset on disk, shared: tests only read it."""
    return write_shapes(tmp_path_factory.mktemp("shapes") / "dataset")


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 scenes in three hues each; scenes alternate between the two shapes. Tests only read it."""
    rows = shape_rows(60, scene_of=lambda number: number // 3)
    for number, row in enumerate(rows):
        scene, variant = divmod(number, 3)
        row |= {"variant_id": variant, "paint_hue": (0.0, 0.25, 0.5)[variant], "seed": scene}
        row |= {"car_model": ("disc", "box")[scene % 2], "background_value": 0.5}
    folder = tmp_path_factory.mktemp("sweep") / "dataset"
    return write_shapes(folder, rows, design="sweep", sweep_group="color")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """TorchScript files: 'small' and 'wide' see the whole picture, 'cropped' its middle."""
    import torch
    from torch import nn

    from dmlbench.models import Preprocessing, save_torchscript

    folder = tmp_path_factory.mktemp("models")
    files = {}
    for seed, (name, channels, size, resize) in enumerate(
        (("small", 4, 32, 32), ("wide", 8, 32, 32), ("cropped", 4, 24, 32))
    ):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, channels, 5, stride=2, padding=2),
            nn.Softplus(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(16 * channels, 6),
        )
        preprocessing = Preprocessing(input_size=size, resize=(resize, resize))
        files[name] = save_torchscript(network, preprocessing, folder / f"{name}.pt")
    return files


def class_names(classes: int) -> list[str]:
    """Names whose first half and second half both have every shape and every color."""
    pairs = [(shape, color) for shape in range(4) for color in range(4)]
    pairs.sort(key=lambda pair: sum(pair) % 2)
    return [f"class {shape}{color} {number}" for number, (shape, color) in enumerate(pairs)][
        :classes
    ]


def picture(shape: int, color: int, number: int) -> Image.Image:
    """Somewhere on noise of its own."""
    rng = np.random.default_rng((shape, color, number))
    image = Image.fromarray(rng.integers(0, 256, (TOY_SIDE, TOY_SIDE, 3), np.uint8))
    left, top, size = (int(part) for part in rng.integers((4, 4, 18), (14, 14, 24)))
    box = (left, top, left + size, top + size)
    draw = ImageDraw.Draw(image)
    tone = tuple(int(part) for part in np.clip(COLORS[color] + rng.normal(0, 20, 3), 0, 255))
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
        shape, color = (int(digit) for digit in name.split()[1])
        for number in range(each):
            file = f"{place:02d}-{number}.png"
            picture(shape, color, number).save(folder / file)
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


@pytest.fixture(scope="session")
def results(
    dmlbench: Callable[..., Any],
    shapes: Path,
    models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Results of all three models on the dataset, made by the command; tests only read them."""
    out = tmp_path_factory.mktemp("results") / "results"
    for name, file in models.items():
        options = ["--out", out, "--maps", 6, "--samples", 4, "--name", name]
        answer = dmlbench("evaluate", file, "--data", shapes, *options)
        assert answer.exit_code == 0, answer.err
    return out


@pytest.fixture
def copy_of_results(results: Path, tmp_path: Path) -> Path:
    """The results, to be changed or damaged."""
    return Path(shutil.copytree(results, tmp_path / "results"))


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Write the dataset of shapes with other rows or arguments; see `write_shapes`."""
    return write_shapes


@pytest.fixture(scope="session")
def rows() -> Callable[..., list[dict[str, Any]]]:
    """Rows for `write`; see `shape_rows`."""
    return shape_rows


class Spring:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.mark), "w"))

    def save(self, path: Path) -> None:
        """Pickle it as PyTorch does."""
        import torch

        torch.save(self, path)

    def assert_not_sprung(self) -> None:
        assert not self.mark.exists()


@pytest.fixture
def spring(tmp_path: Path) -> Spring:
    """A trap in a pickle."""
    return Spring(tmp_path / "sprung")


@pytest.fixture(scope="session")
def make_recipe(shapes: Path, toys: Path) -> Callable[..., Path]:
    """Write the recipe of a study of seconds, trained on toys, measured on shapes, into a folder.

    `make_recipe(folder, folds=[0])`; None removes a field.
    """

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
