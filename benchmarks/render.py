"""Seconds and bytes an image takes, by preset and size: what `dmlgen plan` estimates from.

    python benchmarks/render.py [IMAGES]

Renders IMAGES (8) images of the recipe `paper` per preset and size through the same worker process
that `dmlgen render` uses, and prints the median time between two finished images.
"""

import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from time import monotonic

from dmlgen.plan import make_plan
from dmlgen.presets import PRESETS, Engine
from dmlgen.recipe import load_recipe
from dmlgen.rendering.run import render

SIZES = (128, 256)


def measure(preset: str, size: int, images: int) -> tuple[float, float]:
    """Median seconds an image and mean bytes of a sample, the first image (scene set-up) aside."""
    plan = make_plan(load_recipe("paper"), seed=0, count=images)
    finished = []
    with tempfile.TemporaryDirectory() as folder:
        manifest = render(
            plan,
            Engine(preset, size, "cpu"),
            Path(folder) / "out",
            on_progress=lambda progress: finished.append(monotonic()),
        )
    seconds = [b - a for a, b in itertools.pairwise(finished[1:])]
    return statistics.median(seconds), sum(s.bytes for s in manifest.shards) / images


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    print("| preset | size | s / image | kB / sample |")
    print("|---|---|---|---|")
    for preset in PRESETS:
        for size in SIZES:
            seconds, bytes_ = measure(preset, size, images)
            print(f"| {preset} | {size} | {seconds:.2f} | {bytes_ / 1e3:.0f} |", flush=True)


if __name__ == "__main__":
    main()
