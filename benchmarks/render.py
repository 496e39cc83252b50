"""Seconds and bytes an image takes, by preset and size: what `dmlgen plan` estimates from.

    python benchmarks/render.py [IMAGES]

Renders IMAGES (16) images of the recipe `paper` per preset and size as `dmlgen render` does, with
its workers, and prints the time from the first finished image to the last, an image.
"""

import sys
import tempfile
from pathlib import Path
from time import monotonic

from dmlgen.plan import make_plan
from dmlgen.presets import PRESETS, Engine
from dmlgen.recipe import load_recipe
from dmlgen.rendering.run import Progress, render

SIZES = (128, 256)


def measure(preset: str, size: int, images: int) -> tuple[float, float]:
    """Seconds an image and mean bytes of a sample; what comes before the first image aside."""
    plan = make_plan(load_recipe("paper"), seed=0, count=images)
    finished: dict[int, float] = {}

    def note(progress: Progress) -> None:
        if progress.stage == "render":
            finished.setdefault(progress.done, monotonic())

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        manifest = render(plan, Engine(preset, size, "cpu"), out, on_progress=note)
    seconds = (finished[images] - finished[1]) / (images - 1)
    return seconds, sum(s.bytes for s in manifest.shards) / images


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    print("| preset | size | s / image | kB / sample |")
    print("|---|---|---|---|")
    for preset in PRESETS:
        for size in SIZES:
            seconds, bytes_ = measure(preset, size, images)
            print(f"| {preset} | {size} | {seconds:.2f} | {bytes_ / 1e3:.0f} |", flush=True)


if __name__ == "__main__":
    main()
