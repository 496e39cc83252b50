"""Two workers or slices against one: how much of two cores they use.

    python measurements/scaling.py [IMAGES]

Renders IMAGES (64) images of the recipe `paper` (128 pixels, preset standard) in four ways and
prints images an hour, start-up and loading aside: the time between the first and the last frame.
Every worker has one thread. Efficiency is the speed of two over twice the speed of one.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.ray_workers import RayExecutor
from dmlgen.rendering.run import MakeExecutor, RenderProgress, local_workers, render

COMMAND = [sys.executable, "-c", "from dmlgen.cli.main import main; main()", "render", "paper"]
ENGINE = Engine("standard", 128, "cpu")
WARM = 4
"""Frames of each worker that are not counted."""


def speed(images: int, executor: MakeExecutor, workers: int) -> float:
    """Images an hour of one render."""
    times: list[float] = []

    def note(progress: RenderProgress) -> None:
        if progress.stage == "render" and progress.done > len(times):
            times.append(time.monotonic())

    plan = make_plan(load_recipe("paper"), seed=0, count=images)
    with tempfile.TemporaryDirectory() as folder:
        render(plan, ENGINE, Path(folder) / "out", executor=executor, on_progress=note)
    skipped, tail = WARM * workers, workers
    counted = times[skipped : len(times) - tail]
    return (len(counted) - 1) / (counted[-1] - counted[0]) * 3600


def slices_at_once(images: int, of: int) -> float:
    """Images an hour of `of` slices side by side, each with one worker, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        size = ("--size", "128", "--workers", "1", "--threads", "1", "--device", "cpu")
        began = time.monotonic()
        running = [
            subprocess.Popen(
                [*COMMAND, "--count", str(images), *size, "--slice", f"{i}/{of}", "--out", folder],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for i in range(1, of + 1)
        ]
        for process in running:
            if process.wait():
                raise SystemExit("a slice failed")
        return images / (time.monotonic() - began) * 3600


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    print("| workers | one: images an hour | two: images an hour | efficiency |")
    print("|---|---|---|---|")
    ways = {
        "local": lambda n: speed(images, local_workers(ENGINE, n, 1), n),
        "ray": lambda n: speed(images, lambda _, logs: RayExecutor(ENGINE, None, n, 1), n),
        "slices (with start-up)": lambda n: slices_at_once(images, n),
    }
    for name, way in ways.items():
        one, two = way(1), way(2)
        print(f"| {name} | {one:.0f} | {two:.0f} | {two / one / 2:.2f} |", flush=True)


if __name__ == "__main__":
    main()
