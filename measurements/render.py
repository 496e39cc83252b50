"""Seconds and bytes an image takes, by preset and size: what `dmlgen plan` estimates from.

    python measurements/render.py [IMAGES]

Renders IMAGES (16) of the recipes `paper` (a backdrop, six cars) and `photo` (places, another
car in nearly every image) per preset and size as `dmlgen render` does, with its workers. "start":
until the first image is finished; "s / image": from then to the last.
"""

import sys
import tempfile
from pathlib import Path
from time import monotonic

from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import PRESETS, Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.run import RenderProgress, render

RECIPES = ("paper", "photo")
SIZES = (128, 256)


def measure(recipe: str, preset: str, size: int, images: int) -> tuple[float, float, float]:
    """Seconds before the first image, seconds an image after it, and mean bytes of a sample."""
    plan = make_plan(load_recipe(recipe), seed=0, count=images)
    finished: dict[int, float] = {}

    def note(progress: RenderProgress) -> None:
        if progress.stage == "render":
            finished.setdefault(progress.done, monotonic())

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        begin = monotonic()
        manifest = render(plan, Engine(preset, size, "cpu"), out, on_progress=note)
    seconds = (finished[images] - finished[1]) / (images - 1)
    return finished[1] - begin, seconds, sum(s.bytes for s in manifest.shards) / images


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    print("| recipe | preset | size | start, s | s / image | kB / sample |")
    print("|---|---|---|---|---|---|")
    for recipe in RECIPES:
        for preset in PRESETS:
            for size in SIZES:
                start, seconds, bytes_ = measure(recipe, preset, size, images)
                figures = f"{start:.1f}", f"{seconds:.2f}", f"{bytes_ / 1e3:.0f}"
                print("|", " | ".join(map(str, (recipe, preset, size, *figures))), "|", flush=True)


if __name__ == "__main__":
    main()
