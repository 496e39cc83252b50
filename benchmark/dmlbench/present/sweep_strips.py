"""Show scenes of a sweep as strips: how far each variant moves each model's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dmlbench.comparison import Comparison
from dmlbench.present.map_gallery import value_text
from dmlbench.present.overlays import data_uri, shrink
from dmlbench.results import Result
from dmlbench.sources import ImageSource
from dmldata.common.arrays import Floats
from dmldata.common.errors import InputError
from dmldata.contract.manifest import Manifest

SCENES, VARIANTS, WIDTH = 8, 12, 120


@dataclass(frozen=True)
class Move:
    """Distance of a variant's embedding from that of the scene's first variant.

    The unit is the median distance between cars; `percent` is relative to the largest of the page.
    """

    label: str
    distance: float
    percent: float


@dataclass(frozen=True)
class Variant:
    """A picture of a strip, its values of the swept factors, and its moves."""

    uri: str
    width: int
    height: int
    alt: str
    values: Sequence[tuple[str, str]]
    moves: Sequence[Move]


@dataclass(frozen=True)
class Strip:
    """The variants of one scene."""

    scene: int
    variants: Sequence[Variant]


def make_strips(
    comparison: Comparison, results: Sequence[Result], dataset: ImageSource
) -> list[Strip]:
    """Make strips of the first scenes; none if no model's sensitivity is known."""
    manifest = dataset.manifest
    known = {
        result.model: comparison.interventions[result.model].between_cars
        for result in results
        if result.model in comparison.interventions
    }
    scale = {model: apart for model, apart in known.items() if apart}
    if not scale or not isinstance(manifest, Manifest):
        return []
    samples = dataset.samples.select(["key", "scene_id", "variant_id"]).to_pylist()
    rows = {sample["key"]: row for row, sample in enumerate(samples)}
    scenes: dict[int, list[str]] = {}
    for sample in sorted(samples, key=lambda row: (row["scene_id"], row["variant_id"])):
        scenes.setdefault(sample["scene_id"], []).append(sample["key"])
    shown = {scene: keys[:VARIANTS] for scene, keys in list(scenes.items())[:SCENES]}
    moved: dict[str, list[tuple[str, float]]] = {key: [] for keys in shown.values() for key in keys}
    for result in results:
        if result.model not in scale:
            continue
        embeddings = _unit(result)
        for keys in shown.values():
            first = embeddings[rows[keys[0]]]
            for key in keys:
                distance = float(np.linalg.norm(embeddings[rows[key]] - first))
                label = comparison.label(result.model)
                moved[key].append((label, distance / scale[result.model]))
    farthest = (
        max((distance for moves in moved.values() for _, distance in moves), default=0.0) or 1.0
    )
    items = {item.key: item for item in dataset.samples_iter(keys=set(moved), with_mask=False)}

    def variant(key: str) -> Variant:
        small = shrink(items[key].image, WIDTH)
        moves = [Move(label, distance, 100 * distance / farthest) for label, distance in moved[key]]
        values = [(name, value_text(items[key], dataset, name)) for name in manifest.swept]
        return Variant(data_uri(small), *small.size, f"Image {key}", values, moves)

    return [Strip(scene, [variant(key) for key in keys]) for scene, keys in shown.items()]


def _unit(result: Result) -> Floats:
    """Return embeddings [N, D] of length 1, as sensitivity is measured."""
    embeddings = result.folder.read_embeddings().astype(np.float64)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError(f"{result.folder.path}: an embedding of length 0 has no direction")
    return np.asarray(embeddings / lengths)
