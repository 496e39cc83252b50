"""Tiny folders in the layouts of others."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image, ImageDraw

SIZES = ((48, 32), (32, 48), (40, 40))


def picture(number: int, shape: int = 0, kind: str = "JPEG") -> bytes:
    """A disc or a box on noise, in one of three sizes."""
    rng = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    drawn = ImageDraw.Draw(image)
    (drawn.ellipse if shape % 2 else drawn.rectangle)((8, 8, 28, 28), fill=(200, 30 * shape, 40))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def write_cars196(folder: Path, classes: int = 4, each: int = 5) -> Path:
    """`car_ims/000001.jpg` and `cars_annos.mat`, whose variables are those of the original."""
    (folder / "car_ims").mkdir(parents=True)
    numbers = np.arange(classes * each)
    fields = ("relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test")
    annotations = np.empty((1, len(numbers)), [(name, object) for name in fields])
    for number in numbers.tolist():
        label = number // each
        path = f"car_ims/{number + 1:06d}.jpg"
        (folder / path).write_bytes(picture(number, label))
        annotations[0, number] = (path, 1, 2, 30, 31, label + 1, number % 2)
    names = np.empty((1, classes), object)
    names[0] = [f"Make {label + 1} Sedan 2012" for label in range(classes)]
    scipy.io.savemat(folder / "cars_annos.mat", {"annotations": annotations, "class_names": names})
    return folder


def write_cars196_in_parts(folder: Path, classes: int = 4, each: int = 5) -> Path:
    """`cars_train/`, `cars_test/` and `devkit/`, as torchvision's `StanfordCars` has them."""
    fields = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")
    files = ("devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat")
    (folder / "devkit").mkdir(parents=True)
    for place, (part, file) in enumerate(zip(("cars_train", "cars_test"), files, strict=True)):
        (folder / part).mkdir()
        numbers = range(place, classes * each, 2)
        annotations = np.empty((1, len(numbers)), [(name, object) for name in fields])
        for row, number in enumerate(numbers):
            name, label = f"{row + 1:05d}.jpg", number // each
            (folder / part / name).write_bytes(picture(number, label))
            annotations[0, row] = (1, 2, 30, 31, label + 1, name)
        scipy.io.savemat(folder / file, {"annotations": annotations})
    names = np.empty((1, classes), object)
    names[0] = [f"Make {label + 1} Sedan 2012" for label in range(classes)]
    scipy.io.savemat(folder / "devkit/cars_meta.mat", {"class_names": names})
    return folder


def write_cub200(folder: Path, classes: int = 5, each: int = 2) -> Path:
    """`images/`, `images.txt`, `image_class_labels.txt`, `classes.txt`, `train_test_split.txt`."""
    images, labels, split = [], [], []
    names = [f"{label:03d}.Bird_{label}" for label in range(1, classes + 1)]
    for number in range(classes * each):
        name = names[number // each]
        path = f"{name}/Bird_{number:04d}_{number}.jpg"
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
        (folder / "images" / path).write_bytes(picture(number, number // each))
        images.append(f"{number + 1} {path}")
        labels.append(f"{number + 1} {number // each + 1}")
        split.append(f"{number + 1} {number % 2}")
    lists = {
        "images.txt": images,
        "image_class_labels.txt": labels,
        "train_test_split.txt": split,
        "classes.txt": [f"{number} {name}" for number, name in enumerate(names, start=1)],
    }
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_products(folder: Path) -> Path:
    """`Ebay_train.txt` with classes 1 and 2, `Ebay_test.txt` with 3 to 6, two images each."""
    image = 0
    for split, classes in (("train", (1, 2)), ("test", (3, 4, 5, 6))):
        lines = ["image_id class_id super_class_id path"]
        for label in classes:
            number = label % 2 + 1
            kind = ("bicycle", "chair")[number - 1]
            (folder / f"{kind}_final").mkdir(parents=True, exist_ok=True)
            for view in range(2):
                image += 1
                path = f"{kind}_final/11108{label}_{view}.JPG"
                (folder / path).write_bytes(picture(image, label))
                lines.append(f"{image} {label} {number} {path}")
        (folder / f"Ebay_{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_csv_folder(folder: Path, lines: list[str], name: str = "labels.csv") -> Path:
    """A picture for the first cell of every line below the header, and the CSV file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(lines[1:]):
        path = folder / line.partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, number))
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_tar(path: Path, files: Mapping[str, bytes | object]) -> Path:
    """A tar as Python writes it, in the order given; what is not bytes becomes JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mtime = 1700000000.5  # an extended header, as webdataset's writer makes it
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def eight_of_cars196(tmp_path: Path) -> Path:
    """Eight classes of four images."""
    return write_cars196(tmp_path / "cars196", classes=8, each=4)


@pytest.fixture
def cars196(tmp_path: Path) -> Path:
    """Four classes of five images."""
    return write_cars196(tmp_path / "cars196")


@pytest.fixture
def cars196_in_parts(tmp_path: Path) -> Path:
    """The same images in the other form."""
    return write_cars196_in_parts(tmp_path / "stanford_cars")


@pytest.fixture
def cub200(tmp_path: Path) -> Path:
    """Five classes of two images."""
    return write_cub200(tmp_path / "cub200")


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """Six products of two kinds, two images each."""
    return write_products(tmp_path / "products")


@pytest.fixture
def csv_folder() -> Callable[..., Path]:
    """See `write_csv_folder`."""
    return write_csv_folder


@pytest.fixture
def tar() -> Callable[..., Path]:
    """See `write_tar`."""
    return write_tar


@pytest.fixture
def draw() -> Callable[..., bytes]:
    """See `picture`."""
    return picture
