"""What a derived model costs beside its base: to make, to load, to render.

    python measurements/derived.py [FRAMES]

Of every base one model, in the place `car_park`, 256 pixels, preset standard. Seconds of the cores'
work, which depend less than the clock on what else the machine does; the two cars stand in the
picture in turn. FRAMES (6) of each are counted, the car turned in between. Loading is what the
stage does for a car that it has not shown yet: for a derived model it includes the making.
"""

import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path
from time import process_time

NUMBER = 7
MIDDLE = statistics.median


def frame_seconds(stage, photographer, values: dict, seed: int) -> float:
    """Of the cores' work on one frame whose car is loaded."""
    stage.set(values, seed)
    began = process_time()
    stage.photograph(photographer)
    return process_time() - began


def measure(frames: int) -> list[tuple[str, float, float, float, float, float]]:
    """A row a base: seconds to derive, to load both, and a frame of both. Imports Blender."""
    from dmlgen.catalog.assets import car_mesh, project_names
    from dmlgen.derive.models import derived_car
    from dmlgen.factors.registry import DEFAULTS
    from dmlgen.planning.presets import Engine
    from dmlgen.scene.car import Car
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(Engine("standard", 256, "cpu"), 2)
    photographer = Photographer(Path(tempfile.mkdtemp()))
    place = {**DEFAULTS, "environment": "car_park", "camera_distance": 9.0}
    stage.set(place, 0)
    rows = []
    for base in project_names("cars"):
        derived = f"derived:{base}-{NUMBER:03}"
        began = process_time()
        derived_car(car_mesh(base), NUMBER)
        making = process_time() - began
        loading, rendering = [], {base: [], derived: []}
        for name in (base, derived):
            began = process_time()
            Car(name, stage.materials).remove()
            loading.append(process_time() - began)
        for number in range(frames + 1):
            for name in (base, derived):
                values = {**place, "car_model": name, "car_rotation": 25.0 + 50.0 * number}
                seconds = frame_seconds(stage, photographer, values, number)
                if number:
                    rendering[name].append(seconds)
        rows.append((base, making, *loading, *(MIDDLE(times) for times in rendering.values())))
    return rows


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    with Path(os.devnull).open("w") as nowhere, quiet(nowhere):
        rows = measure(frames)
    print(
        "| base | deriving, s | loading base, s | loading derived, s | frame of base, s |", end=""
    )
    print(" frame of derived, s | ratio |")
    print("|---" * 7 + "|")
    for base, *seconds in rows:
        ratio = seconds[4] / seconds[3]
        print(f"| {base} | {' | '.join(f'{one:.2f}' for one in seconds)} | {ratio:.2f} |")
    middle = [MIDDLE(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    ratios = [row[5] / row[4] for row in rows]
    print(f"| median | {' | '.join(f'{one:.2f}' for one in middle)} | {MIDDLE(ratios):.2f} |")
    sys.stdout.flush()
    # Blender's own end of a process can hang.
    os._exit(0)


@contextlib.contextmanager
def quiet(nowhere):
    """Blender writes to the process's own output."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)


if __name__ == "__main__":
    main()
