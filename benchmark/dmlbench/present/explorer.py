"""Content of the page's script: every image with its maps, and the embeddings as points."""

from __future__ import annotations

import io
import itertools
import json
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from matplotlib import color_sequences, colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

from dmlbench.comparison import Comparison
from dmlbench.maps import common_grid, pearson, summarize_correlations
from dmlbench.present.map_gallery import value_text
from dmlbench.present.overlays import data_uri, shrink
from dmlbench.results import Maps, Result
from dmlbench.scores._kernels.parallel import in_order
from dmlbench.sources import ImageSource
from dmldata.common.arrays import Ints
from dmldata.common.contact_sheet import grid
from dmldata.common.progress import Progress
from dmldata.dataset import Item

MAX_IMAGES, MAX_POINTS = 200, 1000
"""Limits that keep a page of 15 models under 10 MB; see measurements/report_page.py."""
ITERATIONS = 500
"""Of t-SNE, half of scikit-learn's: of 1,000 embeddings the divergence is 3 % above that after
1,000 iterations."""
WIDTH, MAP, THUMB = 240, 56, 40
"""Sides of an image, a map and the thumbnail of a point, in pixels."""
THUMB_COLUMNS = 40
TURN = 3
"""Degrees between the angles that are tried for t-SNE."""


def explorer_content(
    comparison: Comparison,
    results: Sequence[Result],
    dataset: ImageSource,
    progress: Progress | None = None,
) -> str:
    """Return JSON for explorer.js, without '<', so that no text can end its HTML element."""
    by_id = {result.model: result for result in results}
    content = {
        "images": _images(comparison, by_id, dataset),
        "points": _points(comparison, by_id, dataset, progress),
        "colors": [to_hex(colormaps["inferno"](share / 255)) for share in range(256)],
        "hues": [to_hex(color) for color in color_sequences["petroff10"]],
        "ramp": [to_hex(colormaps["viridis"](share / 31)) for share in range(32)],
        "wheel": [to_hex(colormaps["twilight"](share / 32)) for share in range(32)],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _images(
    comparison: Comparison, by_id: dict[str, Result], dataset: ImageSource
) -> dict[str, object] | None:
    """Return at most MAX_IMAGES images that all models have maps of; None if there are none."""
    saliency = comparison.saliency
    if saliency is None or not saliency.keys:
        return None
    models = [model for model in saliency.clustering.order if by_id[model].saliency is not None]
    maps = {model: by_id[model].maps() for model in models}
    keys = saliency.keys[:MAX_IMAGES]
    agreement = _agreement(keys, [maps[model] for model in models])
    images = []
    for item in dataset.samples_iter(keys=keys):
        strips, boxes, on_car = [], [], []
        for model in models:
            model_maps = maps[model]
            row = int(model_maps.rows_of([item.key])[0])
            geometry = model_maps.geometry_of(row)
            box, (height, width) = geometry.box, geometry.image
            boxes.append(
                [
                    round(share, 4)
                    for share in (
                        box.left / width,
                        box.top / height,
                        (box.right - box.left) / width,
                        (box.bottom - box.top) / height,
                    )
                ]
            )
            strips.append(_small(model_maps.maps[row].astype(np.float32)))
            share = float(model_maps.attention_on_car[row])
            on_car.append(None if np.isnan(share) else round(share, 3))
        images.append(
            {
                **_shown(item, dataset),
                "maps": _gray_uri(np.concatenate(strips, axis=1)),
                "boxes": boxes,
                "car": on_car,
                "agreement": agreement[item.key],
            }
        )
    labels = [comparison.label(model) for model in models]
    return {"models": labels, "map": MAP, "images": images}


def _shown(item: Item, dataset: ImageSource) -> dict[str, object]:
    small = shrink(item.image, WIDTH)
    return {
        "key": item.key,
        "uri": data_uri(small),
        "size": small.size,
        "values": [[name, value_text(item, dataset, name)] for name in dataset.manifest.varied],
        "outline": None if item.mask is None else _outline(item.mask),
    }


def _small(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize a map to [MAP, MAP], in [0, 1]."""
    resized = Image.fromarray(saliency).resize((MAP, MAP), Image.Resampling.BOX)
    return np.clip(np.asarray(resized, np.float32), 0, 1)


def _agreement(keys: Sequence[str], models: Sequence[Maps]) -> dict[str, float | None]:
    """Return the mean Pearson r of all pairs of maps of each image, as the comparison has it.

    It is None where a map is flat, and of a single model.
    """
    of_keys = []
    for maps in models:
        rows = maps.rows_of(keys)
        of_keys.append((maps.maps[rows], [maps.geometry_of(row) for row in rows.tolist()]))
    pairs = [
        pearson(*common_grid(a, b, where_a, where_b))
        for (a, where_a), (b, where_b) in itertools.combinations(of_keys, 2)
    ]
    if not pairs:
        return dict.fromkeys(keys)
    means = [summarize_correlations(image).mean for image in np.stack(pairs, axis=1)]
    return {key: None if r is None else round(r, 3) for key, r in zip(keys, means, strict=True)}


def _gray_uri(strip: NDArray[np.float32]) -> str:
    """Encode adjacent maps by the square root of their values, which shows weak parts better."""
    image = Image.fromarray((255 * np.sqrt(strip)).round().astype(np.uint8)).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=55, method=6)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"


def _outline(mask: NDArray[np.uint8]) -> str:
    """Encode the outline of the car, white on transparent."""
    small = Image.fromarray((mask > 0).astype(np.uint8) * 255)
    size = (WIDTH, max(1, round(WIDTH * mask.shape[0] / mask.shape[1])))
    car = np.asarray(small.resize(size, Image.Resampling.BILINEAR)) > 127
    inner = car.copy()
    for axis, by in itertools.product((0, 1), (-1, 1)):
        inner &= np.roll(car, by, axis)
    pixels = np.zeros((*car.shape, 4), np.uint8)
    pixels[car & ~inner] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "WEBP", lossless=True)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"


def _points(
    comparison: Comparison,
    by_id: dict[str, Result],
    dataset: ImageSource,
    progress: Progress | None,
) -> dict[str, object]:
    """Return each model's embeddings in 2-D, at most MAX_POINTS spread evenly over the dataset."""
    rows = spread_rows(comparison.dataset.images)

    def places(embeddings: NDArray[np.float32]) -> dict[str, list[list[int]]]:
        # The axes of t-SNE mean nothing, so that it may be turned to fill its square.
        return {
            "pca": _scaled(principal(embeddings)),
            "tsne": _scaled(turned(neighbors(embeddings))),
        }

    embeddings = [by_id[model.id].folder.read_embeddings()[rows] for model in comparison.models]
    models: list[dict[str, object]] = []
    for number, (_, points) in enumerate(in_order(places, embeddings, None)):
        models.append({"label": comparison.models[number].label, **points})
        if progress:
            progress("map embeddings", number + 1, len(embeddings))
    names = dataset.manifest.varied
    every = dataset.samples["key"].to_pylist()
    keys = [every[row] for row in rows]
    small = []
    values: dict[str, list[object]] = {name: [] for name in names}
    for item in dataset.samples_iter(keys=keys, with_mask=False):
        small.append(item.image.resize((THUMB, THUMB)))
        for name in names:
            values[name].append(item.row[name])
    return {
        "keys": keys,
        "models": models,
        "properties": [
            {"name": name, "kind": dataset.manifest.factor(name).kind, "values": values[name]}
            for name in names
        ],
        "thumbs": data_uri(grid(small, THUMB_COLUMNS, (THUMB, THUMB))),
        "thumb": THUMB,
        "columns": THUMB_COLUMNS,
    }


def spread_rows(images: int) -> Ints:
    """Return at most MAX_POINTS rows, spread evenly over a dataset of so many images.

    >>> spread_rows(3).tolist(), len(spread_rows(10 * MAX_POINTS)) == MAX_POINTS
    ([0, 1, 2], True)
    """
    rows: Ints = np.unique(np.linspace(0, images - 1, min(images, MAX_POINTS)).round().astype(int))
    return rows


def principal(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first two principal components [N, 2], largest loadings positive."""
    from sklearn.decomposition import PCA

    parts = min(2, *embeddings.shape)
    with np.errstate(invalid="ignore"):  # the share of the variance of points that are all equal
        components = PCA(parts, svd_solver="full").fit_transform(embeddings.astype(np.float64))
    return np.pad(components, ((0, 0), (0, 2 - parts)))


def neighbors(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return t-SNE [N, 2] of unit vectors, initialized with their principal components.

    With fewer than ten images the result is the principal components.
    """
    from sklearn.manifold import TSNE

    if len(embeddings) < 10:
        return principal(embeddings)
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    tsne = TSNE(init="pca", perplexity=perplexity(len(unit)), max_iter=ITERATIONS, random_state=0)
    return np.asarray(tsne.fit_transform(unit), np.float64)


def perplexity(points: int) -> float:
    """Return the perplexity of t-SNE: 30, or less if there are too few points for that.

    >>> perplexity(2000), perplexity(13)
    (30.0, 4.0)
    """
    return min(30.0, (points - 1) / 3)


def turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn points [N, 2] so that the square around them is as small as can be.

    >>> line = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    >>> np.ptp(turned(line), axis=0).round(3).tolist()
    [2.121, 2.121]
    """
    angles = np.deg2rad(np.arange(0, 90, TURN))
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    sides = [np.ptp(points @ turn, axis=0).max() for turn in turns]
    smallest: NDArray[np.float64] = points @ turns[int(np.argmin(sides))]
    return smallest


def _scaled(points: NDArray[np.float64]) -> list[list[int]]:
    """Return x and y as integers from 0 to 1000, centered, both by the scale of the longer side.

    >>> _scaled(np.array([[0.0, 0.0], [4.0, 2.0]]))
    [[0, 1000], [250, 750]]
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    span = float(np.ptp(points, axis=0).max()) or 1.0
    shares = (points - middle) / span + 0.5
    return [column.tolist() for column in (1000 * shares).round().astype(int).T]
