"""A tiny dataset: ten pictures of 32 pixels in two splits and three shards."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Credit, Manifest
from dmldata.writer import DatasetFacts, write_dataset

SIDE = 32

FACTORS = (
    Factor(
        key="car_model",
        group="model",
        kind="categorical",
        meaning="which car",
        values=("coupe", "van", "truck"),
    ),
    Factor(
        key="sun_elevation",
        group="illumination",
        kind="linear",
        unit="degrees",
        meaning="sun above the horizon",
        values=(15.0, 45.0),
    ),
    Factor(
        key="background_hue",
        group="background",
        kind="cyclic",
        period=1.0,
        meaning="hue of the backdrop",
        values=(0.0, 0.25, 0.5, 0.75),
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

CREDITS = tuple(
    Credit(
        id=name,
        title=f"A {name}",
        author="A. Maker",
        license="CC-BY-4.0",
        license_url="https://creativecommons.org/licenses/by/4.0/",
        source="https://example.org/models",
        changes="scaled to meters",
    )
    for name in ("coupe", "van", "truck")
)


def make_rows(images: int = 10) -> list[dict[str, Any]]:
    """Rows of a plan; the backdrop applies to the last four images only."""
    rows = []
    for number in range(images):
        model = FACTORS[0].values[number % 3]
        rows.append(
            {
                "key": f"img{number:04d}",
                "split": "test" if number % 5 == 4 else "train",
                "scene_id": number,
                "variant_id": 0,
                "seed": 2**40 + number,
                "car_model": model,
                "sun_elevation": FACTORS[1].values[number % 2],
                "background_hue": None if number < images - 4 else (number % 4) / 4,
                "exposure": 0.0,
                "car_x0": 8,
                "car_y0": 10,
                "car_x1": 24,
                "car_y1": 26,
                "car_area": 0.25,
                "camera_matrix": [float(value) for value in np.eye(4).ravel()],
                "credits_id": model,
            }
        )
    return rows


def picture(key: str) -> bytes:
    """A jpg of seeded noise."""
    generator = np.random.default_rng(int(key[3:]))
    pixels = generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG")


def mask_pixels() -> np.ndarray:
    """A car of 16 x 16 pixels that holds every part."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:26, 8:24] = np.arange(16)[:, None] % 5 + 1
    return mask


def encoded(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def sample_files(key: str) -> dict[str, bytes]:
    """Files of one sample, as the renderer would give them."""
    return {"jpg": picture(key), "mask.png": encoded(Image.fromarray(mask_pixels()), "PNG")}


Write = Callable[..., Manifest]
FACTS = DatasetFacts(
    name="tiny-cars",
    version="1.0.0",
    license="CC-BY-4.0",
    credits=CREDITS,
    recipe={"name": "tiny", "factors": {"car_model": ["coupe", "van", "truck"]}},
    seed=7,
    design="independent",
    factors=FACTORS,
    versions={"dmlgen": "0.1.0"},
    engine={"samples": 16},
)


@pytest.fixture(scope="session")
def write() -> Write:
    """Write the tiny dataset into a folder; any argument, and any fact, can be replaced."""

    def write_tiny(folder: Path, **changes: Any) -> Manifest:
        arguments: dict[str, Any] = {
            "rows": make_rows(),
            "sample_files": sample_files,
            "images_per_shard": 4,
            "progress": None,
        }
        arguments |= {key: changes.pop(key) for key in arguments.keys() & changes.keys()}
        return write_dataset(folder, replace(FACTS, **changes), **arguments)

    return write_tiny


@pytest.fixture(scope="session")
def tiny(write: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset on disk, shared: tests only read it."""
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    write(folder)
    return folder


@pytest.fixture
def copy_of_tiny(tiny: Path, tmp_path: Path) -> Path:
    """The tiny dataset, to be damaged."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in tiny.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    """The rows that the tiny dataset was written from."""
    return make_rows()


@pytest.fixture(scope="session")
def files_of() -> Callable[[str], dict[str, bytes]]:
    """Key to the bytes of its files, as the tiny dataset was written from."""
    return sample_files


@pytest.fixture(scope="session")
def factors() -> tuple[Factor, ...]:
    """The factors of the tiny dataset."""
    return FACTORS
