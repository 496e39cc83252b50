"""Two images with maps of why they are near: cards of a page, and a picture of one pair."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from dmlbench.comparison import Comparison
from dmlbench.maps.geometry import Geometry
from dmlbench.present.figures import DPI, STYLE
from dmlbench.present.map_gallery import SMALL_WIDTH, Card, Tile, value_text
from dmlbench.present.numbers import minus, number
from dmlbench.present.overlays import data_uri, overlay, shrink
from dmlbench.results import Maps, Result
from dmlbench.results.files import PairsFile
from dmlbench.sources import ImageSource
from dmldata.common.arrays import Floats
from dmldata.dataset import Item

SIDE, GAP, TEXT = 3.2, 0.12, 0.34
"""Side of an image's field in a picture, space between fields and height of a line, in inches."""


@dataclass(frozen=True)
class PairCards:
    """The pairs of one model, and the property in whose label the images of each differ."""

    label: str
    property_key: str
    cards: Sequence[Card]


def distance_text(name: str, value: float) -> str:
    """Describe a distance between two embeddings.

    >>> distance_text("squared_euclidean", 0.25), distance_text("cosine_similarity", 0.5)
    ('squared euclidean distance 0.250', 'cosine similarity 0.500')
    """
    words = name.replace("_", " ")
    kind = "" if words.endswith(("similarity", "product")) else " distance"
    return f"{words}{kind} {number(value, 3)}"


def make_pair_cards(
    comparison: Comparison, results: Sequence[Result], dataset: ImageSource, count: int
) -> list[PairCards]:
    """Make cards of the first `count` pairs of each model that has maps of pairs.

    Raises:
        DatasetError: a shard is damaged.
        InputError: the maps of a result are missing, altered or not valid.
    """
    pairs = [(result, result.pairs) for result in results if result.pairs is not None]
    keys = {key for _, described in pairs for pair in described.pairs[:count] for key in pair.keys}
    items = {item.key: item for item in dataset.samples_iter(keys=keys, with_mask=False)}
    small = {key: shrink(item.image, SMALL_WIDTH) for key, item in items.items()}
    return [
        PairCards(
            comparison.label(result.model),
            described.property_key,
            _cards(described, result.pair_maps(), items, small, dataset, count),
        )
        for result, described in pairs
    ]


def _cards(
    described: PairsFile,
    maps: Maps,
    items: dict[str, Item],
    small: dict[str, Image.Image],
    dataset: ImageSource,
    count: int,
) -> list[Card]:
    cards = []
    for row, pair in enumerate(described.pairs[:count]):
        tiles = []
        for place, key in enumerate(pair.keys):
            picture, label = small[key], value_text(items[key], dataset, described.property_key)
            map_row = 2 * row + place
            glow = overlay(picture, maps.maps[map_row].astype(float), maps.geometry_of(map_row))
            role = "neighbor" if place else "query"
            alt = f"{role.title()} {key}: {described.property_key} {label}"
            tiles.append(Tile(data_uri(picture), *picture.size, alt, role, label))
            alt = f"Map of {role} {key} that explains its distance to {pair.keys[1 - place]}"
            tiles.append(Tile(data_uri(glow), *glow.size, alt, f"map of the {role}"))
        apart = distance_text(described.request.distance, pair.distance)
        cards.append(Card(f"{pair.query}, {pair.neighbor}", [("", apart)], tiles))
    return cards


def pair_picture(
    images: Sequence[Image.Image],
    names: Sequence[str],
    maps: Floats,
    geometries: Sequence[Geometry],
    title: str,
) -> bytes:
    """Draw two images side by side with their maps below, and return a PNG file.

    Args:
        maps: [2, H, W] in [0, 1].
        geometries: where each map lies in its image.
        title: line above the images, such as the model and the distance.
    """
    resolution = round(SIDE * DPI)
    small = [_fit(image, resolution) for image in images]
    width, height = 2 * SIDE + 3 * GAP, 2 * SIDE + 3 * GAP + 3 * TEXT
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        figure.text(0.5, 1 - TEXT / 2 / height, minus(title), ha="center", va="center", fontsize=10)
        for column, (image, name) in enumerate(zip(small, names, strict=True)):
            left = (GAP + column * (SIDE + GAP)) / width
            glow = overlay(image, maps[column], geometries[column])
            for row, picture in enumerate((image, glow)):
                top = 2 * TEXT + row * (SIDE + GAP)
                bottom = 1 - (top + SIDE) / height
                axes = figure.add_axes((left, bottom, SIDE / width, SIDE / height))
                axes.imshow(picture, interpolation="none")
                axes.set_axis_off()
            center = left + SIDE / 2 / width
            at = 1 - 1.5 * TEXT / height
            figure.text(center, at, _shortened(name), ha="center", va="center")
        how = "yellow: where a small change of the pixels changes this distance most"
        figure.text(0.5, TEXT / 2 / height, how, ha="center", va="center")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI // 2)
        return buffer.getvalue()


def _fit(image: Image.Image, side: int) -> Image.Image:
    """Return an RGB copy whose longer side is `side` pixels, enlarged where it is smaller."""
    scale = side / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    return image.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS)


def _shortened(name: str, most: int = 48) -> str:
    """Leave out the middle of a long name.

    >>> _shortened("abcdefghij", 7)
    'ab...ij'
    """
    if len(name) <= most:
        return name
    end = (most - 3) // 2
    return f"{name[: most - 3 - end]}...{name[-end:]}" if end else name[:most]
