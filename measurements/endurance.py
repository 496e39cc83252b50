"""Memory and speed of workers over many frames.

    python measurements/endurance.py [IMAGES]

Renders IMAGES (1000) images of the recipe `paper` (64 pixels, preset draft) with the workers of
`dmlgen render`, never recycled, and prints each worker's memory after its 50th frame, half of its
frames and its last, and the median seconds of its first and last 100 frames, the very first ones
aside. Work comes car by car, so that the cars are loaded in the course of the first half.
"""

import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.run import RenderProgress, render
from dmlgen.rendering.supervise import Limits

WARM = 50


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    memory: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, list[float]] = defaultdict(list)

    def note(progress: RenderProgress) -> None:
        for number, crew in progress.workers.items():
            if crew.frames > len(memory[number]):
                memory[number].append(crew.memory)
                seconds[number].append(crew.durations[-1])

    plan = make_plan(load_recipe("paper"), seed=0, count=images)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine("draft", 64, "cpu")
        limits = Limits(frames=10**9)
        render(plan, engine, Path(folder) / "out", limits=limits, on_progress=note)
    print("| worker | frames | MB after 50 | half | at the end | first 100 (s) | last 100 (s) |")
    print("|---|---|---|---|---|---|---|")
    for number, sizes in memory.items():
        first = statistics.median(seconds[number][WARM : WARM + 100])
        last = statistics.median(seconds[number][-100:])
        places = (WARM - 1, len(sizes) // 2, -1)
        grown = " | ".join(f"{sizes[place] / 1e6:.0f}" for place in places)
        print(f"| {number} | {len(sizes)} | {grown} | {first:.3f} | {last:.3f} |")


if __name__ == "__main__":
    main()
