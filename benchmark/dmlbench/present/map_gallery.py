"""The images of a page, each with every model's map over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dmlbench.comparison import Comparison
from dmlbench.present.numbers import number
from dmlbench.present.overlays import data_uri, overlay, shrink
from dmlbench.results import Maps, Result
from dmlbench.sources import ImageSource
from dmldata.dataset import Item

WIDTH, SMALL_WIDTH = 320, 200
MANY_MODELS = 8


@dataclass(frozen=True)
class Tile:
    """A picture with its caption."""

    uri: str
    width: int
    height: int
    alt: str
    caption: str
    below: str = ""


@dataclass(frozen=True)
class Card:
    """An image of the dataset, its factor values as (name, text), and the maps over it."""

    key: str
    values: Sequence[tuple[str, str]]
    tiles: Sequence[Tile]


def tile_width(tiles: int) -> float:
    """Return the width of a picture on the page, in rem; two narrow cards share a row."""
    row, gap = (33.0, 0.5) if tiles <= 3 else (69.0, 0.5)
    return min(max(row / tiles - gap, 8.0), 13.0)


def make_cards(
    comparison: Comparison, results: Sequence[Result], dataset: ImageSource, count: int
) -> list[Card]:
    """Make cards of the first `count` images that all models have maps of, in dataset order.

    Raises:
        DatasetError: a shard is damaged.
    """
    saliency = comparison.saliency
    keys = saliency.keys[:count] if saliency else ()
    if not keys:
        return []
    maps = {result.model: result.maps() for result in results if result.saliency is not None}
    width = WIDTH if len(maps) <= MANY_MODELS else SMALL_WIDTH
    return [
        _card(item, comparison, maps, dataset, width)
        for item in dataset.samples_iter(keys=keys, with_mask=False)
    ]


def _card(
    item: Item, comparison: Comparison, maps: dict[str, Maps], dataset: ImageSource, width: int
) -> Card:
    small = shrink(item.image, width)
    values = [(key, value_text(item, dataset, key)) for key in dataset.manifest.varied]
    described = ", ".join(f"{name} {value}" for name, value in values)
    tiles = [Tile(data_uri(small), *small.size, f"Image {item.key}: {described}", "image")]
    for model, model_maps in maps.items():
        row = int(model_maps.rows_of([item.key])[0])
        on_car = float(model_maps.attention_on_car[row])
        label = comparison.label(model)
        tiles.append(
            Tile(
                data_uri(
                    overlay(
                        small, model_maps.maps[row].astype(np.float32), model_maps.geometry_of(row)
                    )
                ),
                *small.size,
                f"Saliency map of {label} over image {item.key}",
                label,
                "" if np.isnan(on_car) else f"on car {number(on_car, 2)}",
            )
        )
    return Card(item.key, values, tiles)


def value_text(item: Item, dataset: ImageSource, key: str) -> str:
    """Format a factor's value with its unit."""
    value, unit = item.row[key], dataset.manifest.factor(key).unit
    if value is None:
        return "does not apply"
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{shown} {unit}".strip()
