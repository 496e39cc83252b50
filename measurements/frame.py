"""A frame through dmlgen beside a plain loop over Blender's render operator, and where time goes.

    python measurements/frame.py [FRAMES] [ROUNDS]

The Focus in the place `car_park`, 256 pixels, 32 samples; between two frames the car turns and the
sun moves. The preset `standard` has as many in the box of the car alone, and 12 elsewhere: the
error on the car is the same (quality.py). The plain loop is
`bpy.ops.render.render(write_still=True)` with persistent data and Blender's Open Image Denoise
(guides prefiltered accurately), on two threads, and writes a PNG; what else dmlgen sets for speed
is as Blender has it by default, and no mesh has a twin. Ours also makes the mask and the JPEG.
ROUNDS (3) times each way renders FRAMES (8) frames in processes of their own, in turn, so that
what else the machine does meets all alike; the first two frames of a process are not counted.
Prints medians; the cores' work depends less than the clock on other work.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from dmlgen.blender import import_blender

WARM = 2
TIMES = "times the plain loop"
WAYS = {
    "plain loop, 1 process x 2 threads": ("plain", 1, 2),
    "dmlgen, 1 worker x 2 threads": ("everywhere", 1, 2),
    "dmlgen, 2 workers x 1 thread": ("everywhere", 2, 1),
    "preset standard, 2 workers x 1 thread": ("standard", 2, 1),
}


def frames(way: str, threads: int, count: int) -> list[dict[str, float]]:
    """Seconds of each frame by stage, `all`, and of the cores' work, `cores`. Imports Blender."""
    # As workers do: a thread of Blender that waits for another takes its core.
    import_blender(0 if way == "plain" else threads)
    import bpy

    from dmlgen.factors.registry import DEFAULTS
    from dmlgen.planning.presets import Engine, Preset
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(Engine("standard", 256, "cpu"), threads)
    photographer = Photographer(Path(tempfile.mkdtemp()))
    scene = bpy.context.scene
    if way != "standard":
        stage.use(Preset(32, 0, 8))
    values = {**DEFAULTS, "environment": "car_park", "camera_distance": 9.0}
    stage.set(values, 0)
    if way == "plain":
        _as_by_default(scene)
    taken = []
    for number in range(WARM + count):
        began, worked = perf_counter(), process_time()
        turn = {"car_rotation": 25.0 * number, "sun_rotation": 40.0 * number}
        stage.set({**values, **turn}, number)
        stages = {}
        if way == "plain":
            bpy.ops.render.render(write_still=True)
        else:
            stages = stage.photograph(photographer).seconds
        whole = {"all": perf_counter() - began, "cores": process_time() - worked}
        taken.append({**stages, **whole})
    return taken[WARM:]


def _as_by_default(scene: Any) -> None:
    """Undoes, before its first render, what dmlgen does to a scene for speed."""
    cycles, layer = scene.cycles, scene.view_layers[0]
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "ACCURATE"
    cycles.use_light_tree, cycles.sampling_pattern = True, "AUTOMATIC"
    scene.world.cycles.sampling_method = "AUTOMATIC"
    layer.cycles.denoising_store_passes = layer.use_pass_material_index = False
    for twin in [obj["twin"] for obj in scene.objects if "twin" in obj]:
        scene.collection.objects.unlink(twin)


def measure(way: str, processes: int, threads: int, count: int) -> list[list[dict[str, float]]]:
    """Frames of each of several processes that run at once."""
    command = [sys.executable, __file__, "--frames", way, str(threads), str(count)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    outputs = [process.communicate()[0] for process in running]
    return [json.loads(output.strip().splitlines()[-1]) for output in outputs]


def main() -> None:
    if sys.argv[1:2] == ["--frames"]:
        print(
            "\n" + json.dumps(frames(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))), flush=True
        )
        # Blender's own end of a process can hang.
        os._exit(0)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found: dict[str, list[list[dict[str, float]]]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, (way, processes, threads) in WAYS.items():
            found[name] += measure(way, processes, threads, count)
    print(f"| | s a frame | images an hour | {TIMES} | core-s a frame | {TIMES} | stages |")
    print("|---|---|---|---|---|---|---|")
    plain = plain_cores = 0.0
    for name, (_, processes, _) in WAYS.items():
        rows = [row for process in found[name] for row in process]
        seconds = statistics.median(row["all"] for row in rows)
        speed = processes / seconds * 3600
        plain = plain or speed
        cores = statistics.median(row["cores"] for row in rows)
        plain_cores = plain_cores or cores
        stages = [stage for stage in rows[0] if stage not in ("all", "cores")]
        shares = {s: statistics.median(r[s] for r in rows) / seconds for s in stages}
        split = ", ".join(f"{stage} {share:.1%}" for stage, share in shares.items())
        wall = f"{seconds:.2f} | {speed:.0f} | {speed / plain:.2f}"
        print(f"| {name} | {wall} | {cores:.2f} | {plain_cores / cores:.2f} | {split} |")


if __name__ == "__main__":
    main()
