"""A frame through dmlgen beside one through BlenderProc: the same car, light, camera and samples.

    python measurements/peer.py PYTHON [FRAMES] [ROUNDS]

PYTHON is the interpreter of an environment of its own with the packages `blenderproc==2.8.0
bpy==4.2.0 numpy<2 trimesh scipy scikit-image scikit-learn opencv-python-headless imageio rich
gitpython pypng pytz pyrender` (BlenderProc's version of Blender, and what it installs into
Blender). The Focus under a panorama, without a ground, 256 pixels, 16 samples, Open Image Denoise,
two threads; between two frames the camera goes round the car by 25 degrees. BlenderProc gets the
car as dmlgen builds it, and keeps its own default light paths (3 bounces, no glossy ones). It
renders FRAMES (12) poses in one call of `bproc.renderer.render`, its fastest way, where nothing but
what has keyframes can change; and then a pose a call, as where anything may change between two
images, which is how dmlgen renders. The first two frames do not count. ROUNDS (3) times, in turn
with dmlgen, which also makes the mask; medians. Both last pictures stay in the folder that is
printed.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any

SIZE, SAMPLES, WARM = 256, 16, 2
STEP = 25.0
"""Degrees of the camera between two frames."""


def ours(folder: Path, count: int) -> float:
    """Seconds a frame; leaves `car.blend`, `scene.json` and `ours.jpg` in the folder."""
    import bpy

    from dmlgen.factors.registry import DEFAULTS
    from dmlgen.planning.presets import Engine, Preset
    from dmlgen.scene.panorama import panorama_file
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(Engine("standard", SIZE, "cpu"), 2)
    photographer = Photographer(folder)
    scene = bpy.context.scene
    stage.use(Preset(SAMPLES, 0, 8))
    values = {**DEFAULTS, "environment": "promenade", "camera_distance": 6.0}
    poses: list[list[list[float]]] = []
    times = []
    for number in range(WARM + count):
        began = perf_counter()
        stage.set({**values, "camera_azimuth": -STEP * number}, number)
        for ground in [o for o in scene.objects if o.visible_get() and "ground" in o.name]:
            ground.hide_render = True
        picture = stage.photograph(photographer)
        times.append(perf_counter() - began)
        poses.append([list(row) for row in scene.camera.matrix_world])
    (folder / "ours.jpg").write_bytes(picture.jpg)
    meshes = {o for o in scene.objects if o.type in ("MESH", "EMPTY") and not o.hide_render}
    bpy.data.libraries.write(str(folder / "car.blend"), meshes)
    lens = scene.camera.data
    what = {
        "poses": poses,
        "angle": 2 * math.atan(lens.sensor_width / 2 / lens.lens),
        "world": str(panorama_file(stage.environment._spec.panorama)),  # type: ignore[attr-defined]
    }
    (folder / "scene.json").write_text(json.dumps(what))
    return statistics.median(times[WARM:])


def peers(folder: Path, count: int) -> tuple[float, float]:
    """Seconds a frame in one call, as the difference to a call of two frames, and in calls of one
    frame; without start-up and loading."""
    bproc = _blenderproc(folder)
    import numpy as np
    from PIL import Image

    what = json.loads((folder / "scene.json").read_text())
    bproc.init()
    bproc.loader.load_blend(str(folder / "car.blend"))
    bproc.world.set_world_background_hdr_img(what["world"])
    bproc.camera.set_resolution(SIZE, SIZE)
    bproc.camera.set_intrinsics_from_blender_params(what["angle"], lens_unit="FOV")
    bproc.renderer.set_max_amount_of_samples(SAMPLES)
    bproc.renderer.set_noise_threshold(0)
    bproc.renderer.set_denoiser("INTEL")
    bproc.renderer.set_cpu_threads(2)

    def call(poses: list[Any]) -> float:
        bproc.reset_keyframes()
        for pose in poses:
            bproc.camera.add_camera_pose(np.array(pose))
        began = perf_counter()
        colors = bproc.renderer.render()["colors"]
        seconds = perf_counter() - began
        Image.fromarray(colors[-1]).save(folder / "peer.png")
        return seconds

    poses = what["poses"][-count - WARM :]
    two = call(poses[:WARM])
    together = (call(poses) - two) / count
    return together, statistics.median([call([pose]) for pose in poses][WARM:])


def _blenderproc(folder: Path) -> SimpleNamespace:
    """BlenderProc inside this process as it runs inside Blender, but installing nothing."""
    package = ModuleType("blenderproc")
    spec = find_spec("blenderproc")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit(f"{sys.executable}: has no package blenderproc")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["blenderproc"] = package
    utility: Any = import_module("blenderproc.python.utility.SetupUtility")
    utility.SetupUtility.setup_utility_paths(str(folder))
    names = ("loader", "world", "camera", "renderer")
    parts = {name: import_module(f"blenderproc.api.{name}") for name in names}
    reset: Any = import_module("blenderproc.python.utility.Utility").reset_keyframes
    return SimpleNamespace(init=_init, reset_keyframes=reset, **parts)


def _init() -> None:
    """What `bproc.init` does, but for the language, which the wheel of Blender does not have."""
    import bpy

    start: Any = import_module("blenderproc.python.utility.Initializer")
    start.clean_up(clean_up_camera=True)
    bpy.context.scene.render.engine = "CYCLES"
    start.RendererUtility.set_render_devices()
    start._Initializer.set_default_parameters()


def run(python: str, what: str, folder: Path, count: int) -> Any:
    """What `ours` or `peers` gives, in a process of its own."""
    command = [python, __file__, "--in", what, str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    if sys.argv[1:2] == ["--in"]:
        way = {"ours": ours, "peers": peers}[sys.argv[2]]
        print(f"\n{json.dumps(way(Path(sys.argv[3]), int(sys.argv[4])))}", flush=True)
        # Blender's own end of a process can hang.
        os._exit(0)
    python = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    folder = Path(tempfile.mkdtemp())
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(run(sys.executable, "ours", folder, count))
        theirs.append(run(python, "peers", folder, count))
    ours_ = statistics.median(mine)
    print("| | s a frame | times dmlgen |")
    print("|---|---|---|")
    for place, called in enumerate(("all frames in one call", "a frame a call")):
        peers_ = statistics.median(times[place] for times in theirs)
        print(f"| BlenderProc 2.8.0 with bpy 4.2, {called} | {peers_:.2f} | {peers_ / ours_:.2f} |")
    print(f"| dmlgen | {ours_:.2f} | 1.00 |")
    print(folder)


if __name__ == "__main__":
    main()
