"""Real photographs to compare renders with, from packages that ship some.

Color photographs of everyday things, neither drawn, nor synthetic, nor of test patterns.
"""

from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
SCIKIT_LEARN = ("china.jpg", "flower.jpg")
OPENCV_DOC = (
    *("aero1.jpg", "aero3.jpg", "aloeL.jpg", "baboon.jpg", "board.jpg", "building.jpg"),
    *("butterfly.jpg", "chicky_512.png", "fruits.jpg", "home.jpg", "leuvenA.jpg", "messi5.jpg"),
    *("plant.jpg", "rubberwhale1.png", "squirrel_cls.jpg", "pexels_double_decker_bus.jpg"),
    *("scenetext01.jpg", "scenetext02.jpg", "scenetext03.jpg"),
    *("scenetext04.jpg", "scenetext05.jpg", "scenetext06.jpg"),
)
"""In Debian's package opencv-doc: `apt-get download opencv-doc`, then `dpkg -x` it."""


def photographs(opencv_doc: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Photographs by name, uint8 [height, width, 3], scaled to cover `size` (width, height) and cut
    to it around the middle: the statistics depend on the resolution.

    Raises:
        SystemExit: a photograph that is not there.
    """
    found = {}
    for folder, names in (
        (Path(skimage.data.__file__).parent, SCIKIT_IMAGE),
        (Path(sklearn.datasets.__file__).parent / "images", SCIKIT_LEARN),
        (opencv_doc, OPENCV_DOC),
    ):
        for name in names:
            file = next(iter(sorted(folder.rglob(name))), None)
            if file is None:
                raise SystemExit(f"error: no {name} under {folder}; give --photographs")
            with Image.open(file) as image:
                found[name] = _cut(image.convert("RGB"), size)
    return found


def _cut(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    scale = max(size[0] / image.width, size[1] / image.height)
    scaled = image.resize(
        (max(round(image.width * scale), size[0]), max(round(image.height * scale), size[1])),
        Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC,
    )
    left, top = (scaled.width - size[0]) // 2, (scaled.height - size[1]) // 2
    return np.asarray(scaled.crop((left, top, left + size[0], top + size[1])))
